//! The guide's pages, read as files: every name that is a link in the documentation is one there, too.

use std::collections::BTreeMap;
use std::path::Path;

/// The link definitions among these lines: what stands in brackets, and where it leads.
fn definitions<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, &'a str> {
    lines.filter(|line| line.starts_with('[')).filter_map(|line| line.split_once("]: ")).collect()
}

#[test]
fn pages_read_as_files_have_the_links_of_the_documentation() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let module = read("mod.rs");
    let mut pages = 0;
    for part in module.split("pub mod ").collect::<Vec<_>>().windows(2) {
        let page = part[1].split(' ').next().unwrap();
        let text = read(&format!("{page}.md"));
        let documented = definitions(part[0].lines().filter_map(|line| line.strip_prefix("/// ")));
        let of_file = definitions(text.lines());
        assert!(!of_file.is_empty() && documented.keys().eq(of_file.keys()), "{page}");
        // In tables, bars are escaped.
        let plain = text.replace("\\|", "|");
        for (name, path) in of_file {
            let file = path.split('#').next().unwrap();
            assert!(
                folder.join(file).exists(),
                "{page}: {name}] leads to {path}, which is not there"
            );
            let uses = plain.matches(&format!("{name}]")).count() - 1;
            assert!(uses > 0, "{page}: {name}] is nowhere");
        }
        pages += 1;
    }
    assert_eq!(pages, 4);
}
