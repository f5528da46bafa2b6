//! Experiments that are run from the command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use super::claim::Tally;
use super::page::Report;
use super::run::Run;
use super::section::Section;
use crate::error::Error;

type Experiment = Box<dyn Fn(&Run) -> Result<Section, Error>>;

/// Experiments, each of which measures claims and writes a [`Section`] of a [`Report`]. As a
/// program's `main` it takes these arguments:
///
/// | argument | |
/// |---|---|
/// | `--help` | prints these arguments and the experiments' names |
/// | `--quick` | a small run that shows that everything works; fewer seeds, fewer epochs |
/// | `--only NAME` | this experiment only; may be given several times |
/// | `--seeds N` | with so many seeds |
/// | `--data DIR` | on the published data in this folder, where an experiment [asks](Run::data_or) |
/// | `--out DIR` | the folder of the page, `index.html` |
///
/// Each section says what data it ran on. Without `--out` the page goes into the folder given to
/// [`new`](Self::new); a relative one, such as `target/dropout`, is below the current folder.
///
/// ```
/// use gradtape::Error;
/// use gradtape::report::{Claim, Experiments, Run, Section, Spread};
///
/// fn coin(run: &Run) -> Result<Section, Error> {
///     let tosses = run.full_or_quick(1000, 100);
///     let shares = run.over_seeds(|seed| {
///         let heads = (0..tosses).filter(|&toss| seed.derive(toss).0 % 2 == 0).count();
///         Ok(heads as f64 / tosses as f64)
///     })?;
///     let share = Spread::of(shares);
///     Ok(Section::new("A coin").claim(
///         Claim::new("The coin is fair", (share.mean - 0.5).abs() < 0.1)
///             .measured(format!("share of heads: {share}")),
///     ))
/// }
///
/// # let folder = std::env::temp_dir().join("gradtape-experiments-example");
/// let experiments = Experiments::new("Coins", &folder).add("coin", coin);
/// // as `fn main() -> ExitCode`: experiments.main()
/// let tally = experiments.run(["--quick", "--only", "coin"])?;
/// assert_eq!(tally.measured, 1);
/// # Ok::<(), Error>(())
/// ```
pub struct Experiments {
    title: String,
    introduction: String,
    folder: PathBuf,
    command: Option<String>,
    experiments: Vec<(String, Experiment)>,
}

const OPTIONS: &str = "  --quick      a small run that shows that everything works
  --only NAME  this experiment only; may be given several times
  --seeds N    with so many seeds
  --data DIR   on the published images in this folder: MNIST, Fashion-MNIST or CIFAR-10
  --out DIR    the folder of the page, index.html";

/// What the arguments ask for.
struct Arguments {
    run: Run,
    only: Vec<String>,
    help: bool,
}

impl Arguments {
    fn parse<A: Into<String>>(
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> Result<Self, Error> {
        let mut run = Run::default();
        run.folder = folder.into();
        let mut parsed = Self { run, only: Vec::new(), help: false };
        let mut arguments = arguments.into_iter().map(Into::into).peekable();
        while let Some(argument) = arguments.next() {
            let mut value = |expected: &str| {
                let none = || {
                    let found = format!("{argument} with nothing behind it");
                    Error::argument("arguments", format!("{argument} {expected}"), found)
                };
                arguments.next_if(|value| !value.starts_with("--")).ok_or_else(none)
            };
            match &argument[..] {
                "--help" | "-h" => parsed.help = true,
                "--quick" => parsed.run.quick = true,
                "--only" => parsed.only.push(value("NAME")?),
                "--data" => {
                    let folder = "DIR, a folder with the files of MNIST, Fashion-MNIST or CIFAR-10";
                    parsed.run.data = Some(value(folder)?.into());
                }
                "--out" => parsed.run.folder = value("DIR, the folder of the page")?.into(),
                "--seeds" => {
                    let number = value("NUMBER")?;
                    let seeds = number.parse().ok().filter(|&seeds| seeds > 0);
                    let wrong = || Error::argument("--seeds", "a number from 1 on", number);
                    parsed.run.seeds = Some(seeds.ok_or_else(wrong)?);
                }
                _ => {
                    let known = "--help, --quick, --only NAME, --seeds N, --data DIR, --out DIR";
                    return Err(Error::argument("arguments", known, argument));
                }
            }
        }
        Ok(parsed)
    }
}

impl Experiments {
    /// Experiments whose page has this title and goes into this folder, unless the arguments name
    /// another. A relative one is below the folder that the program is started in.
    pub fn new(title: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        Self {
            title: title.into(),
            introduction: String::new(),
            folder: folder.into(),
            command: None,
            experiments: Vec::new(),
        }
    }

    /// The page's first paragraph.
    pub fn introduction(mut self, introduction: impl Into<String>) -> Self {
        self.introduction = introduction.into();
        self
    }

    /// What runs an experiment when its name is put behind it; the page tells it with each section.
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Appends an experiment.
    pub fn add(
        mut self,
        name: impl Into<String>,
        experiment: impl Fn(&Run) -> Result<Section, Error> + 'static,
    ) -> Self {
        self.experiments.push((name.into(), Box::new(experiment)));
        self
    }

    /// Runs what the program's arguments ask for; an error is printed.
    pub fn main(self) -> ExitCode {
        match self.run(std::env::args().skip(1)) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }

    /// Runs what these arguments ask for, prints what is found, and writes the page. The last line
    /// counts the claims.
    ///
    /// An experiment that fails has a section that says why, and the others run all the same.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if an argument is none or names no experiment; what writing the page
    /// returns; once it is written, what the first experiment that failed returned.
    pub fn run<A: Into<String>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Tally, Error> {
        let Arguments { run, only, help } = Arguments::parse(arguments, &self.folder)?;
        let known: Vec<&str> = self.experiments.iter().map(|(name, _)| &name[..]).collect();
        if help {
            println!("{}\n\n{OPTIONS}\n\nexperiments: {}", self.title, known.join(", "));
            return Ok(Tally::default());
        }
        if let Some(name) = only.iter().find(|name| !known.contains(&&name[..])) {
            return Err(Error::argument("--only", known.join(", "), name));
        }
        fs::create_dir_all(run.folder()).map_err(|source| Error::io(run.folder(), source))?;
        let mut report = Report::new(&self.title, &self.introduction);
        let mut failed = None;
        for (name, experiment) in &self.experiments {
            if !only.is_empty() && !only.contains(name) {
                continue;
            }
            println!("== {name}");
            let start = Instant::now();
            let mut section = experiment(&run).unwrap_or_else(|error| {
                println!("  failed: {error}");
                let section = Section::new(name).text(format!("This experiment failed: {error}"));
                failed.get_or_insert(error);
                section
            });
            section.data = run.take_notes();
            section.command = self.command_for(name, &run);
            section.seeds = run.seeds_in_words();
            if !section.data.is_empty() {
                println!("  data: {}", section.data.replace('`', ""));
            }
            for claim in section.claims() {
                println!("  {claim}");
            }
            println!("  ({:.1} s)\n", start.elapsed().as_secs_f64());
            report.add(section);
            // What is done can be looked at, whatever becomes of the next one. What cannot be
            // written is an error at the end.
            let _ = report.write(run.folder());
        }
        let page = report.write(run.folder())?;
        println!("report: {}", page.display());
        println!("claims: {}", report.tally());
        failed.map_or(Ok(report.tally()), Err)
    }

    /// The command that makes a section again.
    fn command_for(&self, name: &str, run: &Run) -> String {
        let Some(command) = &self.command else { return String::new() };
        let mut arguments = Vec::new();
        arguments.extend(run.quick.then(|| "--quick".to_string()));
        arguments.extend(run.seeds.map(|seeds| format!("--seeds {seeds}")));
        arguments.extend(run.data.as_ref().map(|data| format!("--data '{}'", data.display())));
        let separator = if arguments.is_empty() { "" } else { " -- " };
        format!("{command} {name}{separator}{}", arguments.join(" "))
    }
}
