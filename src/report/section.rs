//! A part of a report.

use super::claim::{Claim, Tally};
use super::figure::Figure;
use super::html::{base64, escaped, paragraph};
use super::table::Table;
use crate::error::Error;
use crate::train::Picture;

/// A part of a [`Report`](super::Report): text, claims, pictures, tables and code, in the order in
/// which they are added. Pictures that follow each other stand side by side where there is room.
///
/// ```
/// use gradtape::report::{Chart, Claim, Section};
///
/// let section = Section::new("Momentum")
///     .text("`v <- 0.9 v - rate g` averages out what gradients do not agree on.")
///     .claim(Claim::new("The loss falls", true))
///     .figure(Chart::new("Loss").line("momentum", [(1.0, 0.9), (2.0, 0.5)]), "Both epochs.");
/// assert_eq!(section.claims().count(), 1);
/// ```
#[derive(Default)]
pub struct Section {
    title: String,
    blocks: Vec<Block>,
    /// What it was measured on.
    pub(super) data: String,
    /// How it is made again.
    pub(super) command: String,
    /// The seeds that it was run with, in words.
    pub(super) seeds: String,
}

enum Block {
    Heading(String),
    Text(String),
    Claim(Claim),
    Figure(Box<dyn Figure>, String),
    Image(Vec<u8>, String),
    Table(Table),
    Code(String),
}

impl Section {
    /// A section of this title, with nothing in it.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// A heading within the section.
    pub fn heading(self, text: impl Into<String>) -> Self {
        self.with(Block::Heading(text.into()))
    }

    /// A paragraph. What stands between backquotes is set as code.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.with(Block::Text(text.into()))
    }

    /// A claim with its verdict.
    pub fn claim(self, claim: Claim) -> Self {
        self.with(Block::Claim(claim))
    }

    /// A drawing, and what it shows.
    pub fn figure(self, figure: impl Figure + 'static, caption: impl Into<String>) -> Self {
        self.with(Block::Figure(Box::new(figure), caption.into()))
    }

    /// An image made of pixels, such as weights drawn as images, and what it shows.
    pub fn image(self, picture: &Picture, caption: impl Into<String>) -> Self {
        self.with(Block::Image(picture.to_png(), caption.into()))
    }

    /// A table.
    pub fn table(self, table: Table) -> Self {
        self.with(Block::Table(table))
    }

    /// Code as it stands.
    pub fn code(self, code: impl Into<String>) -> Self {
        self.with(Block::Code(code.into()))
    }

    /// The item of a source that begins with `start` at the beginning of a line, to the line that
    /// closes it: the code that ran, rather than a copy of it.
    ///
    /// ```
    /// use gradtape::report::Section;
    ///
    /// # let source = "fn network() {\n    layers\n}\n";
    /// // let source = include_str!("dropout.rs");
    /// let section = Section::new("Dropout").code_of(source, "fn network");
    /// ```
    ///
    /// # Panics
    ///
    /// If no line begins so.
    #[track_caller]
    pub fn code_of(self, source: &str, start: &str) -> Self {
        let mut lines = source.lines().skip_while(|line| !line.starts_with(start)).peekable();
        assert!(lines.peek().is_some(), "code: no line of the source begins with `{start}`");
        let mut item = String::new();
        for line in lines {
            item += line;
            item.push('\n');
            // A signature's last line begins with a bracket, too, but opens the body.
            if !line.starts_with(' ') && line.ends_with(['}', ';']) {
                break;
            }
        }
        self.code(item)
    }

    /// The title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The claims in it.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Claim(claim) => Some(claim),
            _ => None,
        })
    }

    /// How many of its claims held.
    pub fn tally(&self) -> Tally {
        self.claims().collect()
    }

    /// The part of an address that leads to it.
    pub(super) fn anchor(&self) -> String {
        let word = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        self.title.chars().map(word).collect()
    }

    pub(super) fn write_html(&self, html: &mut String) -> Result<(), Error> {
        let (anchor, title) = (self.anchor(), escaped(&self.title));
        *html += &format!("<section id=\"{anchor}\">\n<h2>{title}</h2>\n");
        if !self.data.is_empty() {
            *html += &paragraph(&format!("Data: {}", self.data)).replacen(
                "<p>",
                "<p class=\"data\">",
                1,
            );
        }
        for group in self.blocks.chunk_by(|a, b| a.row().is_some() && a.row() == b.row()) {
            let row = group[0].row();
            if let Some((open, _)) = row {
                html.push_str(open);
            }
            for block in group {
                block.write_html(html)?;
            }
            if let Some((_, close)) = row {
                html.push_str(close);
            }
        }
        if !self.command.is_empty() {
            let [command, seeds] = [&self.command, &self.seeds].map(|text| escaped(text));
            let made = format!("Made by <code>{command}</code> with seeds {seeds}");
            *html += &format!("<p class=\"command\">{made}</p>\n");
        }
        html.push_str("</section>\n");
        Ok(())
    }
}

impl Block {
    /// What encloses blocks of this kind that follow each other.
    fn row(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Figure(..) | Self::Image(..) => Some(("<div class=\"figures\">\n", "</div>\n")),
            Self::Claim(_) => Some(("<ul class=\"claims\">\n", "</ul>\n")),
            _ => None,
        }
    }

    fn write_html(&self, html: &mut String) -> Result<(), Error> {
        match self {
            Self::Heading(text) => *html += &format!("<h3>{}</h3>\n", escaped(text)),
            Self::Text(text) => *html += &paragraph(text),
            Self::Claim(claim) => write_claim(html, claim),
            Self::Figure(figure, caption) => {
                let label = escaped(figure.title());
                let svg = figure.to_svg()?.replacen(
                    "<svg ",
                    &format!("<svg role=\"img\" aria-label=\"{label}\" "),
                    1,
                );
                *html += &format!(
                    "<figure>\n{svg}\n<figcaption>{}</figcaption>\n</figure>\n",
                    paragraph(caption)
                );
            }
            Self::Image(png, caption) => {
                let (data, label) = (base64(png), escaped(caption));
                *html += &format!(
                    "<figure>\n<img alt=\"{label}\" src=\"data:image/png;base64,{data}\">\n\
                     <figcaption>{}</figcaption>\n</figure>\n",
                    paragraph(caption)
                );
            }
            Self::Table(table) => table.write_html(html),
            Self::Code(code) => {
                let code = escaped(code.trim_end());
                *html += &format!("<pre><code>{code}</code></pre>\n");
            }
        }
        Ok(())
    }
}

fn write_claim(html: &mut String, claim: &Claim) {
    let class = if claim.held() { "held" } else { "failed" };
    *html += &format!(
        "<li class=\"{class}\"><span class=\"verdict\">{}</span> <strong>{}</strong>",
        claim.verdict(),
        escaped(claim.statement())
    );
    for (class, text) in [("measured", claim.figures()), ("reason", claim.reason().unwrap_or(""))] {
        if !text.is_empty() {
            *html += &paragraph(text).replacen("<p>", &format!("<p class=\"{class}\">"), 1);
        }
    }
    html.push_str("</li>\n");
}
