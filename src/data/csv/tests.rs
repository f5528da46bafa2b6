use super::*;

fn table(text: &str) -> Table {
    read(text.as_bytes(), "file").unwrap()
}

fn message(text: impl AsRef<[u8]>) -> String {
    read(text.as_ref(), "file").unwrap_err().to_string()
}

fn column(table: &Table, name: &str) -> Vec<String> {
    table.text(name).unwrap().map(str::to_owned).collect()
}

#[test]
fn quotes_keep_delimiters_breaks_and_quotes() {
    let table = table("a,b\n\"1,5\",\"say \"\"yes\"\"\"\n\"two\nlines\",\"\"\n");
    assert_eq!(column(&table, "a"), ["1,5", "two\nlines"]);
    assert_eq!(column(&table, "b"), ["say \"yes\"", ""]);
}

#[test]
fn line_breaks_are_those_of_any_system() {
    for text in
        ["a,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n3,4", "\u{feff}a,b\r\n\n1,2\n\r\n\"3\",\"4\"\r\n\n"]
    {
        let table = table(text);
        assert_eq!(table.columns(), ["a", "b"], "{text:?}");
        assert_eq!(table.numbers::<f64, _>(["a", "b"]).unwrap().data(), [1.0, 2.0, 3.0, 4.0]);
    }
}

#[test]
fn spaces_around_a_field_are_no_part_of_it() {
    let table = table("a , b\n 1,\t2.5 \n \" 3\"".replace(" \" 3\"", "\" 3\", x").as_str());
    assert_eq!(column(&table, "a"), ["1", " 3"]);
    assert_eq!(column(&table, "b"), ["2.5", "x"]);
}

#[test]
fn columns_are_chosen_by_name_in_any_order() {
    let table = table("a,b,c\n1,2,x\n3,4,y\n");
    let swapped = table.numbers::<f32, _>(["b", "a"]).unwrap();
    assert_eq!(swapped, Tensor::from([[2.0, 1.0], [4.0, 3.0]]));
    let others = table.columns().iter().filter(|&name| name != "c");
    assert_eq!(*table.numbers::<f32, _>(others).unwrap().shape(), [2, 2].into());
    assert_eq!(
        table.numbers::<f32, _>(["d"]).unwrap_err().to_string(),
        "column: expected one of a, b, c, found `d`"
    );
}

#[test]
fn a_header_alone_is_a_table_without_rows() {
    let table = table("a,b\n");
    assert_eq!(*table.numbers::<f32, _>(["a", "b"]).unwrap().shape(), [0, 2].into());
    assert!(table.labels("a").unwrap().data().is_empty());
    assert!(table.classes("b").unwrap().1.is_empty());
}

#[test]
fn a_field_that_is_no_number_is_named() {
    for (field, found) in [
        ("", "nothing: the value is missing"),
        ("n/a", "`n/a`"),
        ("nan", "`nan`"),
        ("inf", "`inf`"),
        ("1e999", "`1e999`"),
        ("1e39", "`1e39`"),
        ("1_000", "`1_000`"),
        ("0x10", "`0x10`"),
    ] {
        let table = table(&format!("name,age\n\"two\nlines\",7\nbob,{field}\n"));
        assert_eq!(
            table.numbers::<f32, _>(["age"]).unwrap_err().to_string(),
            format!("file, line 4, column `age`: expected a finite number, found {found}")
        );
    }
    assert_eq!(table("a\n1e39\n").numbers::<f64, _>(["a"]).unwrap().data(), [1e39]);
}

#[test]
fn labels_are_whole_numbers() {
    assert_eq!(table("y\n3\n0\n4294967295\n").labels("y").unwrap().data(), [3, 0, u32::MAX]);
    for field in ["-1", "1.0", "4294967296", "cat"] {
        let error = table(&format!("y\n0\n{field}\n")).labels("y").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "file, line 3, column `y`: expected a whole number from 0 to 4294967295, \
                 found `{field}`"
            )
        );
    }
}

#[test]
fn classes_are_numbered_alphabetically_and_the_same_in_another_table() {
    let train = table("y\ndog\ncat\ndog\nant\n");
    let (labels, names) = train.classes("y").unwrap();
    assert_eq!(
        (labels.data(), &names[..]),
        (&[2, 1, 2, 0][..], &["ant", "cat", "dog"].map(String::from)[..])
    );
    let test = table("y\ndog\ndog\n");
    assert_eq!(test.classes_among("y", &names).unwrap().data(), [2, 2]);
    assert_eq!(
        table("y\ndog\nemu\n").classes_among("y", &names).unwrap_err().to_string(),
        "file, line 3, column `y`: expected one of ant, cat, dog, found `emu`"
    );
    assert_eq!(
        table("x,y\n1,dog\n2,\n").classes("y").unwrap_err().to_string(),
        "file, line 3, column `y`: expected one of 1 classes, found nothing: the value is missing"
    );
    let backwards = ["dog", "cat"].map(String::from);
    assert!(test.classes_among("y", &backwards).is_err());
}

#[test]
fn hostile_text_is_an_error() {
    let cases: [(&[u8], &str); 9] = [
        (b"", "file: expected at least one line, found an empty file"),
        (b"\n\r\n\n", "file: expected at least one line, found an empty file"),
        (b"a,b\n1\n", "file, line 2: expected 2 fields, as in the first line, found 1"),
        (
            b"a,b\n\"x\ny\",2\n1,2,3\n",
            "file, line 4: expected 2 fields, as in the first line, found 3",
        ),
        (
            b"a\n\"1\n2\n",
            "file, line 2: expected a closing quote for the one in this line, \
             found the end of the file",
        ),
        (
            b"a\n\"1\"2\n",
            "file, line 2: expected a delimiter or the end of the line after a closing quote, \
             found `2`",
        ),
        (
            b"a\n5\" pipe\n",
            "file, line 2: expected quotes around a whole field only, and doubled within, \
             found `5\"`",
        ),
        (b"a,b,a\n", "file, names of columns: expected names that differ, found `a` twice"),
        (b"a\n1\n\xff\n", "file, line 3: expected text in UTF-8, found other bytes"),
    ];
    for (bytes, want) in cases {
        assert_eq!(message(bytes), want);
    }
}

#[test]
fn no_truncation_and_no_change_of_a_byte_panics() {
    let whole = b"a,\"b\"\r\n1,\"x\"\"\n\"\n2.5,y\xc3\xa4\n";
    let try_all = |bytes: &[u8]| {
        for format in [Format::new(), Format::new().no_header().delimiter('\u{e4}')] {
            if let Ok(table) = format.read(bytes, "file") {
                for name in table.columns() {
                    let _ = (table.numbers::<f32, _>([name]), table.labels(name));
                    let _ = table.classes(name);
                }
            }
        }
    };
    for end in 0..whole.len() {
        try_all(&whole[..end]);
        for byte in 0..=u8::MAX {
            let mut changed = whole.to_vec();
            changed[end] = byte;
            try_all(&changed);
        }
    }
}

#[test]
fn what_is_read_is_what_was_written() {
    // Fields of quotes, delimiters and line breaks in every combination of three characters.
    let characters = ['"', ',', '\n', 'x'];
    for code in 0..64 {
        let field: String =
            [code / 16, code / 4 % 4, code % 4].iter().map(|&c| characters[c]).collect();
        let text = format!("a,b\n\"{}\",1\n", field.replace('"', "\"\""));
        assert_eq!(column(&table(&text), "a"), [field]);
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = load("no/such/file").unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path == Path::new("no/such/file")));
}

#[test]
#[should_panic(expected = "csv: fields cannot be delimited by '\"'")]
fn a_quote_delimits_nothing() {
    let _ = Format::new().delimiter('"');
}
