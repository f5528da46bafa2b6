//! The lecture's page in a browser. Run on request, where there is Chromium (`chromium` in the
//! path, or what `CHROMIUM` names), after the page was made:
//!
//! ```sh
//! cargo run --release --example lecture -- --quick
//! cargo test --test report_in_browser -- --ignored
//! ```

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// What the browser says of a page.
struct Seen {
    messages: Vec<String>,
    /// The width that there is, without scroll bars, in windows of 400 and 1,600 pixels, and that
    /// which the content takes.
    widths: Vec<(u32, u32)>,
}

/// Opens a page within another one, which lets it ask for nothing from anywhere: each request is
/// refused, and the refusal is a message.
fn open(page: &str, folder: &Path) -> Seen {
    fs::create_dir_all(folder).unwrap();
    let escaped = page.replace('&', "&amp;").replace('"', "&quot;");
    let frame =
        |width: u32| format!("<iframe width={width} height=900 srcdoc=\"{escaped}\"></iframe>\n");
    let frames: String = [400, 1600].map(frame).concat();
    let around = format!(
        "<!DOCTYPE html><html><head><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n\
         <style>iframe {{ border: 0 }}</style></head>\n<body>{frames}<script>\n\
         addEventListener('load', () => {{\n\
           const roots = [...document.querySelectorAll('iframe')].map(frame =>\n\
             frame.contentDocument.documentElement);\n\
           const seen = roots.map(root => root.clientWidth + ' ' + root.scrollWidth);\n\
           document.body.textContent = 'widths: ' + seen.join(', ') + ';';\n\
         }});\n</script></body></html>\n"
    );
    let path = folder.join("around.html");
    fs::write(&path, around).unwrap();
    let output = Command::new(env::var("CHROMIUM").unwrap_or("chromium".into()))
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--window-size=1700,1000"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", path.canonicalize().unwrap().display()))
        .output()
        .expect("Chromium is installed");
    let (document, log) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let widths = document.split_once("widths: ").and_then(|(_, rest)| rest.split_once(';'));
    let (widths, _) = widths.unwrap_or_else(|| panic!("the page was not opened: {log}"));
    let number = |text: &str| text.parse().unwrap();
    Seen {
        messages: log.lines().filter(|line| line.contains(":CONSOLE")).map(String::from).collect(),
        widths: widths
            .split(", ")
            .map(|pair| pair.split_once(' ').map(|(a, b)| (number(a), number(b))).unwrap())
            .collect(),
    }
}

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
#[ignore = "needs Chromium, and the page that the example `lecture` makes"]
fn the_lecture_s_page_says_nothing_asks_for_nothing_and_fits() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lecture/index.html");
    let page = fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{}: {error}; run the example `lecture` first", path.display())
    });
    assert!(!page.contains("<script"));
    let seen = open(&page, &folder("lecture-in-browser"));
    assert!(seen.messages.is_empty(), "{:#?}", seen.messages);
    assert_eq!(seen.widths.len(), 2);
    assert!(seen.widths.iter().all(|(window, content)| content <= window), "{:?}", seen.widths);
}

/// What the other test looks for would be found.
#[test]
#[ignore = "needs Chromium"]
fn a_request_a_message_and_an_overflow_are_noticed() {
    let page = "<!DOCTYPE html><html><body><img src=\"http://example.org/x.png\">\
                <script>console.log('said')</script><div style=\"width: 1000px\">wide</div></body></html>";
    let seen = open(page, &folder("planted-in-browser"));
    for expected in ["said", "example.org"] {
        assert!(seen.messages.iter().any(|line| line.contains(expected)), "{:#?}", seen.messages);
    }
    assert!(seen.widths[0].1 >= 1000);
}
