//! A page of results.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::claim::Tally;
use super::html::{escaped, paragraph};
use super::section::Section;
use crate::disk::write_whole;
use crate::error::Error;

/// A page to look at: a summary of all claims, then section by section what was found. It is one
/// file that needs neither script nor network, in light or dark colours as the reader's system has
/// it, and can be printed.
///
/// ```
/// use gradtape::report::{Chart, Report, Section};
///
/// let mut report = Report::new("My model", "What came of training it.");
/// let losses = [(1.0, 0.9), (2.0, 0.5)];
/// report.add(
///     Section::new("Training").figure(Chart::new("Loss").line("training", losses), "Two epochs."),
/// );
/// # let folder = std::env::temp_dir().join("gradtape-report-example");
/// let page = report.write(&folder)?; // the path of `index.html`
/// # assert!(page.ends_with("index.html") && page.exists());
/// # Ok::<(), gradtape::Error>(())
/// ```
pub struct Report {
    title: String,
    introduction: String,
    sections: Vec<Section>,
}

impl Report {
    /// A page of this title and this first paragraph, without sections.
    pub fn new(title: impl Into<String>, introduction: impl Into<String>) -> Self {
        Self { title: title.into(), introduction: introduction.into(), sections: Vec::new() }
    }

    /// Appends a section.
    pub fn add(&mut self, section: Section) -> &mut Self {
        self.sections.push(section);
        self
    }

    /// How many claims there are in all sections, and how many held.
    pub fn tally(&self) -> Tally {
        self.sections.iter().flat_map(Section::claims).collect()
    }

    /// Writes `index.html` into a folder, which is made if there is none, and returns its path.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be written, [`Error::Argument`] if a picture cannot be drawn.
    pub fn write(&self, folder: impl AsRef<Path>) -> Result<PathBuf, Error> {
        let (folder, html) = (folder.as_ref(), self.to_html()?);
        fs::create_dir_all(folder).map_err(|source| Error::io(folder, source))?;
        let path = folder.join("index.html");
        write_whole(&path, |file| file.write_all(html.as_bytes()))?;
        Ok(path)
    }

    /// The page as HTML.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if a picture cannot be drawn.
    pub fn to_html(&self) -> Result<String, Error> {
        let title = escaped(&self.title);
        let mut html = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{}</style>\n\
             </head>\n<body>\n<header>\n<h1>{title}</h1>\n{}",
            include_str!("page.css"),
            if self.introduction.is_empty() {
                String::new()
            } else {
                paragraph(&self.introduction)
            }
        );
        if self.tally().measured > 0 {
            let _ = writeln!(html, "<p class=\"tally\">Claims: {}</p>", self.tally());
        }
        html.push_str("</header>\n");
        if self.sections.len() > 1 {
            self.write_contents(&mut html);
        }
        html.push_str("<main>\n");
        for section in &self.sections {
            section.write_html(&mut html)?;
        }
        html.push_str("</main>\n</body>\n</html>\n");
        Ok(html)
    }

    fn write_contents(&self, html: &mut String) {
        html.push_str("<nav aria-label=\"Contents\"><ul>\n");
        for section in &self.sections {
            let (anchor, title) = (section.anchor(), escaped(section.title()));
            let Tally { measured, held } = section.tally();
            let _ = writeln!(
                html,
                "<li><a href=\"#{anchor}\">{title}</a> <small>{held} of {measured} held</small></li>"
            );
        }
        html.push_str("</ul></nav>\n");
    }
}
