//! Pages, claims and experiments as a user meets them.

use gradtape::Error;
use gradtape::prelude::*;
use gradtape::report::{
    Chart, Claim, Contours, Experiments, Heatmap, Histograms, Report, Run, Section, Spread, Table,
};
use gradtape::train::Picture;

const HOSTILE: &str = "<script>alert(\"&\")</script>";

/// A page with one block of each kind, whose every text tries to become markup.
fn page_of_everything() -> String {
    let mut table = Table::new([HOSTILE, "number"]);
    table.row([HOSTILE, "1.5"]).row(["", "-2"]);
    let images = Tensor::from_fn([3, 4, 4], |i| i as f32 / 48.0);
    let chart = Chart::new(HOSTILE)
        .x(HOSTILE)
        .y(HOSTILE)
        .line(HOSTILE, [(1.0, 1.0), (2.0, f64::NAN), (3.0, 2.0)])
        .runs("runs", &[vec![1.0, 2.0, 3.0], vec![2.0, 1.0]])
        .points("points", [(1.5, 1.5)])
        .mark(2.0, HOSTILE)
        .level(1.2, HOSTILE);
    let section = Section::new(HOSTILE)
        .heading(HOSTILE)
        .text(HOSTILE)
        .claim(Claim::new(HOSTILE, true).measured(HOSTILE).otherwise("hidden reason"))
        .claim(Claim::new("fails", false).otherwise("shown reason"))
        .figure(chart, HOSTILE)
        .figure(
            Histograms::new(HOSTILE).values(HOSTILE, &[1.0, 2.0, 2.0]).values("one", &[1.0]),
            "",
        )
        .figure(Heatmap::new(HOSTILE, [HOSTILE], ["a", "b"], [1.0, f64::NAN]), "")
        .figure(
            Contours::new(HOSTILE, -1.0..1.0, -1.0..1.0, |x, y| x * y).path(HOSTILE, [(0.5, 0.5)]),
            "",
        )
        .image(&Picture::of_images(&images).unwrap(), HOSTILE)
        .table(table)
        .code(HOSTILE);
    let mut report = Report::new(HOSTILE, HOSTILE);
    report.add(section).add(Section::new("empty"));
    report.to_html().unwrap()
}

/// The names of all tags, opening ones as they are and closing ones with a slash.
fn tags(html: &str) -> Vec<&str> {
    let inside = html.split('<').skip(1).filter_map(|part| Some(part.split_once('>')?.0));
    inside.filter(|tag| !tag.starts_with('!') && !tag.ends_with('/')).map(name).collect()
}

fn name(tag: &str) -> &str {
    tag.split_whitespace().next().unwrap_or_default()
}

#[test]
fn every_tag_of_a_page_is_closed_in_order() {
    let page = page_of_everything();
    let mut open = Vec::new();
    for tag in tags(&page) {
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed)),
            None if ["meta", "link", "img"].contains(&tag) => {}
            None => open.push(tag),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn no_text_of_a_page_becomes_markup_or_an_address() {
    let page = page_of_everything();
    assert!(!page.contains("<script"), "a text became markup");
    assert!(!tags(&page).contains(&"script"));
    let page = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!page.contains("http") && !page.contains("url("), "the page asks for something");
}

#[test]
fn a_reason_is_told_only_if_the_claim_did_not_hold() {
    let page = page_of_everything();
    assert!(page.contains("shown reason") && !page.contains("hidden reason"));
    assert!(page.contains("Claims: 1 held, 1 did not, 2 measured"));
    assert_eq!(Claim::new("holds", true).reason(), None);
    assert!(Claim::new("fails", false).reason().unwrap().contains("the reason is not known"));
}

#[test]
fn what_cannot_be_drawn_is_left_out() {
    let empty = [Chart::new("no series"), Chart::new("no points").line("", [])];
    let broken =
        Chart::new("").log_y().line("a", [(f64::INFINITY, 1.0), (1.0, 0.0), (1.0, f64::NAN)]);
    let ranged = Chart::new("").y_range(0.0, 1.0).line("a", [(0.0, 5.0), (1.0, -5.0)]);
    for chart in empty.into_iter().chain([broken, ranged]) {
        let svg = chart.to_svg().unwrap();
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
    let flat = Contours::new("flat", 0.0..1.0, 0.0..1.0, |_, _| 2.0).path("away", [(9.0, 9.0)]);
    assert!(flat.to_svg().is_ok());
    assert!(Contours::new("nowhere", 0.0..1.0, 0.0..1.0, |_, _| f64::NAN).to_svg().is_ok());
    assert!(Histograms::new("none").values::<f32>("no numbers", &[]).to_svg().is_ok());
}

#[test]
fn overfitting_is_marked_in_learning_curves() -> Result<(), Error> {
    let x = Tensor::from_fn([40, 30], |i| (i as f32 * 12.9898).sin());
    let y = Indices::from((0..40).map(|i| i * 7 % 5 % 2).collect::<Vec<u32>>());
    let (train, valid) = Dataset::new(x, y)?.split_at(20)?;
    let mut params = Params::new(Seed(1));
    let model = Dense::new(30, 2).build(&mut params, "output");
    let mut trainer = Trainer::new(&model, Adam::new(0.05), loss::cross_entropy);
    let history = trainer.fit(&mut params, &train).epochs(40).validation(&valid).silent().run()?;
    assert!(Chart::learning_curves(&history).to_svg()?.contains("overfits"));
    Ok(())
}

/// The t-distribution is not asked: twice the standard error is the rule, as documented.
#[test]
fn a_spread_has_the_mean_and_deviation_worked_out_by_hand() {
    let spread = Spread::of([1.0, 2.0, 3.0, 6.0]);
    assert_eq!(spread.mean, 3.0);
    assert_eq!(spread.deviation, (14.0_f64 / 3.0).sqrt());
    assert_eq!(spread.standard_error(), (14.0_f64 / 12.0).sqrt());
    assert!(spread.is_above(0.8) && !spread.is_above(0.9));
    assert!(spread.is_below(5.2) && !spread.is_below(5.1));
    assert_eq!(Spread::of([0.5]).to_string(), "0.5000 (one run)");
    assert!(!Spread::of([0.5]).is_above(0.1) && !Spread::of([0.5]).is_below(0.9));
    assert_eq!(Spread::of([-2e-5, -4e-5, -3e-5]).to_string(), "-3.0e-5 ± 1.0e-5");
    assert_eq!(format!("{:.2}", Spread::of([2e-5, -1.0])), "-0.50 ± 0.71");
    assert_eq!(Spread::of([0.1, 0.1, 0.1]).to_string(), "0.1000 ± 0.0000", "not 1.7e-17");
    assert_eq!(Spread::of([0.0, 0.0]).to_string(), "0.0000 ± 0.0000");
    assert!(!Spread::of([]).is_above(-1.0) && !Spread::of([f64::NAN]).is_below(9.0));
}

fn experiments(folder: &str) -> Experiments {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let section = |name: &'static str, held: bool| {
        move |run: &Run| {
            assert!(run.folder().is_dir());
            let seeds = run.over_seeds(|seed| Ok(seed.0))?;
            Ok(Section::new(name).claim(Claim::new("it holds", held)).text(format!("{seeds:?}")))
        }
    };
    Experiments::new("Two", folder)
        .introduction("Introduction")
        .command("cargo run --example")
        .add("first", section("First", true))
        .add("second", section("Second", false))
}

#[test]
fn arguments_choose_experiments_seeds_and_folder() -> Result<(), Error> {
    let out = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("experiments/elsewhere");
    let arguments = ["--only", "second", "--seeds", "2", "--quick", "--out", out.to_str().unwrap()];
    let tally = experiments("unused").run(arguments)?;
    assert_eq!((tally.measured, tally.held), (1, 0));
    let page = std::fs::read_to_string(out.join("index.html")).unwrap();
    assert!(page.contains("[1, 2]") && !page.contains("First"));
    assert!(
        page.contains("cargo run --example second -- --quick --seeds 2</code> with seeds 1 to 2")
    );
    let tally = experiments("both").run::<String>([])?;
    assert_eq!(tally.to_string(), "1 held, 1 did not, 2 measured");
    Ok(())
}

#[test]
fn what_is_done_is_on_the_page_whatever_becomes_of_the_next_experiment() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("panics");
    let panics = |_: &Run| -> Result<Section, Error> { panic!("out of memory") };
    let run =
        std::panic::catch_unwind(|| experiments("panics").add("third", panics).run::<String>([]));
    assert!(run.is_err());
    let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
    assert!(page.contains("First") && page.contains("Second"));
}

#[test]
fn wrong_arguments_are_told_what_there_is() {
    let cases: [(&[&str], &str); 8] = [
        (&["--only", "third"], "--only: expected first, second, found third"),
        (&["--only"], "expected --only NAME"),
        (&["--data"], "expected --data DIR, a folder with the files of MNIST"),
        (&["--data", "--quick"], "found --data with nothing behind it"),
        (&["--seeds", "0"], "--seeds: expected a number from 1 on, found 0"),
        (&["--seeds", "many"], "found many"),
        (&["--fast"], "--quick"),
        (&["first"], "found first"),
    ];
    for (arguments, expected) in cases {
        let error = experiments("wrong").run(arguments.iter().copied()).unwrap_err().to_string();
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn help_runs_nothing() {
    assert_eq!(experiments("helping").run(["--quick", "--help"]).unwrap().measured, 0);
    assert!(!std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("helping").exists());
}

#[test]
fn the_others_run_and_the_page_is_written_if_an_experiment_fails() {
    let failing = experiments("failing").add("fails", |run: &Run| {
        run.over_seeds(|_| Tensor::<f32>::new([2], vec![1.0]))?;
        Ok(Section::new(""))
    });
    let failing = failing.add("third", |_: &Run| Ok(Section::new("Third")));
    assert!(matches!(failing.run::<String>([]), Err(Error::Length { .. })));
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("failing");
    let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
    assert!(page.contains("First") && page.contains("Third"));
    assert!(
        page.contains("This experiment failed: a tensor of shape [2] holds 2 values"),
        "{page}"
    );
}

/// A folder in the form of MNIST, of 2x2 pixels.
fn published(name: &str, [train, test]: [u8; 2]) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for (part, count) in [("train", train), ("t10k", test)] {
        let head = |axes: u8| vec![0, 0, 8, axes, 0, 0, 0, count];
        let (mut images, mut labels) = (head(3), head(1));
        images.extend([0, 0, 0, 2, 0, 0, 0, 2]);
        images.extend((0..4 * count).collect::<Vec<u8>>());
        labels.extend((0..count).map(|i| i % 10));
        std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
    folder
}

#[test]
fn a_section_says_what_it_ran_on() {
    let part = |run: &Run| {
        for _ in 0..2 {
            let digits = || datasets::digits8x8()?.split_at(1500);
            let (train, test) = run.data_or("digits8x8", digits, [10..=10, 1..=run.all_or(5)])?;
            assert_eq!(train.len(), 10);
            assert!(test.len() == 5 || test.len() == 12);
        }
        run.note("Ten are few.");
        Ok(Section::new("Part"))
    };
    let page = |arguments: &[&str]| {
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("data");
        let experiments = Experiments::new("", &folder).add("part", part);
        let experiments = experiments.add("none", |_: &Run| Ok(Section::new("None")));
        let result = experiments.run(arguments.iter().copied());
        (result, std::fs::read_to_string(folder.join("index.html")).unwrap())
    };
    let (_, built_in) = page(&[]);
    let data =
        "10 of 1,500 training and 5 of 297 test images of <code>digits8x8</code>. Ten are few.</p>";
    assert!(built_in.contains(&format!("<p class=\"data\">Data: {data}")), "{built_in}");
    assert!(!built_in.contains("--data"));

    let enough = published("enough", [20, 12]);
    let (result, full) = page(&["--data", enough.to_str().unwrap()]);
    assert!(result.is_ok());
    assert!(full.contains("10 of 20 training and 12 test images of <code>"), "{full}");
    assert!(full.contains("<p class=\"data\">Data: <code>--data</code> does not apply."), "{full}");
    let (_, quick) = page(&["--quick", "--data", enough.to_str().unwrap()]);
    assert!(quick.contains("5 of 12 test images"), "{quick}");

    let few = published("few", [9, 12]);
    let (result, page) = page(&["--data", few.to_str().unwrap()]);
    let expected = format!("at least 10 training and 1 test images in {}", few.display());
    assert!(result.unwrap_err().to_string().contains(&expected));
    assert!(page.contains(&expected) && page.contains("found 9 training and 12 test"), "{page}");
}

#[test]
fn a_page_that_cannot_be_written_is_an_error() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("a-file");
    std::fs::write(&file, "in the way").unwrap();
    let error = Report::new("", "").write(&file).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[test]
fn the_code_that_is_shown_is_the_whole_item() {
    let source =
        "fn other() {}\n\nfn long(\n    a: u32,\n) -> u32 {\n    a\n}\n\nconst A: u32 = 1;\n";
    let html = |start| {
        let mut report = Report::new("", "");
        report.add(Section::new("").code_of(source, start));
        report.to_html().unwrap()
    };
    assert!(html("fn long").contains("fn long(\n    a: u32,\n) -&gt; u32 {\n    a\n}</code>"));
    assert!(html("const A").contains(">const A: u32 = 1;</code>"));
}
