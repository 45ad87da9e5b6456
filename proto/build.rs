//! Compiles the schema without a system `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["model", "ingest", "view", "admin", "join"].map(|name| format!("traf/v1/{name}.proto"));
    let descriptors = protox::compile(files, ["."])?;
    tonic_prost_build::configure().bytes(".traf.v1.Batch").compile_fds(descriptors)?;
    println!("cargo:rerun-if-changed=traf");
    Ok(())
}
