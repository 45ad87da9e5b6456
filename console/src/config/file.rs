//! Changing one line of a file that people write too, and putting a file in the place of another whole.

use std::io;
use std::path::Path;

use traf_peer::file;

/// `text` with the line of `key` changed to `value`, or without that line; a new one stands at the end.
pub fn change(text: &str, key: &str, value: Option<&str>) -> String {
    let is = |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    let new = value.map(|value| format!("{key} = {value}"));
    let mut lines: Vec<&str> = text.lines().collect();
    match (lines.iter().position(|line| is(line)), &new) {
        (Some(place), Some(new)) => lines[place] = new,
        (Some(place), None) => drop(lines.remove(place)),
        (None, Some(new)) => lines.push(new),
        (None, None) => {}
    }
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}

/// Writes a file beside `path`, and puts it there when it is whole and on the disk.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays one: who keeps their files elsewhere means it.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = path.parent() {
        file::make_folder(folder)?;
    }
    file::replace(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_of_the_key_changes() {
        let text = "# filter = \"x\"\nfilter_all = 1\n filter = \"tcp\" # mine\nb = 2";
        assert_eq!(
            change(text, "filter", Some("\"udp\"")),
            "# filter = \"x\"\nfilter_all = 1\nfilter = \"udp\"\nb = 2\n"
        );
        assert_eq!(change(text, "filter", None), "# filter = \"x\"\nfilter_all = 1\nb = 2\n");
        assert_eq!(change("", "a", Some("1")), "a = 1\n");
        assert_eq!(change("b = 2\n", "a", None), "b = 2\n");
    }
}
