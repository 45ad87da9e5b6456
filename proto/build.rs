//! Compiles the schema without a system `protoc`, and writes down of each message what it takes in memory (`src/room.rs`).

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use protox::prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

fn main() -> Result<(), Box<dyn Error>> {
    let files = ["model", "ingest", "view", "admin", "join"].map(|name| format!("traf/v1/{name}.proto"));
    let descriptors = protox::compile(files, ["."])?;
    let mut shapes = String::new();
    for message in DescriptorPool::from_file_descriptor_set(descriptors.clone())?.all_messages() {
        shape(&message, &mut shapes)?;
    }
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("shapes.rs"), shapes)?;
    tonic_prost_build::configure()
        .bytes(".traf.v1.Batch")
        .codec_path("crate::codec::BoundedCodec")
        .compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=traf");
    Ok(())
}

/// Writes the `Shape` of a message: the fields that take memory of their own.
fn shape(message: &MessageDescriptor, shapes: &mut String) -> Result<(), std::fmt::Error> {
    let (name, mut classes, mut fields) = (message.name(), 0, String::new());
    for field in message.fields() {
        let part = match field.kind() {
            Kind::Message(part) => {
                // Classes of the model have a place for every class, however few are sent.
                classes += usize::from(part.name() == "ClassTraffic" && field.is_list());
                format!("Part::Message(<crate::{} as Bounded>::SHAPE)", part.name())
            }
            Kind::String | Kind::Bytes => "Part::Octets".to_owned(),
            _ if field.is_list() => "Part::Numbers".to_owned(),
            _ => continue,
        };
        let (number, repeated) = (field.number(), field.is_list());
        writeln!(fields, "        Field {{ number: {number}, repeated: {repeated}, part: {part} }},")?;
    }
    // The one message that stays.
    let room = if name == "Snapshot" { "    const ROOM: usize = SNAPSHOT;\n" } else { "" };
    writeln!(
        shapes,
        "impl Bounded for crate::{name} {{\n{room}    const SHAPE: &'static Shape = &Shape {{ size: size_of::<Self>(), \
         model: size_of::<[Classes; {classes}]>(), fields: &[\n{fields}    ] }};\n}}"
    )
}
