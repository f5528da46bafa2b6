use super::*;

#[test]
fn a_line_that_is_not_as_it_should_be_is_named() {
    let cases: [(&[u8], &str); 5] = [
        (b"1\t2 3\n0 4\n", "texts, line 2: expected a label, a tab, and words, found `0 4`"),
        (b"-1\t2\n", "texts, line 1: expected a label, a whole number, found `-1`"),
        (b"1\t2\n1\t3 x\n", "texts, line 2: expected words as whole numbers, found `x`"),
        (b"1\t2\n\n", "texts, line 2: expected a label, a tab, and words, found ``"),
        (b"1\t2\n1\t\xff\n", "texts, line 2: expected text in UTF-8, found other bytes"),
    ];
    for (file, message) in cases {
        assert_eq!(read(file, "texts").unwrap_err().to_string(), message);
    }
    let documents = read(&b"1\t2 3\r\n0\t7\n"[..], "texts").unwrap();
    let message = "texts, line 2: expected words below 7, found 7";
    assert_eq!(documents.multi_hot(7).unwrap_err().to_string(), message);
    assert_eq!(documents.sequences(4, 7).unwrap_err().to_string(), message);
    assert!(matches!(load("no/such/file").unwrap_err(), Error::Io { .. }));
}

#[test]
fn texts_may_have_no_words_and_files_no_texts() {
    let documents = read(&b"1\t\n0\t3 3 1"[..], "texts").unwrap();
    assert_eq!(documents.texts().collect::<Vec<_>>(), [&[][..], &[3, 3, 1]]);
    let bags = documents.multi_hot(4).unwrap();
    assert_eq!((bags.x().row(0), bags.x().row(1)), (&[][..], &[1, 3][..]));
    assert_eq!(bags.y().data(), [1, 0]);
    let sequences = documents.sequences(2, 4).unwrap();
    assert_eq!(sequences.x().data(), [4, 4, 3, 1]);
    assert_eq!(documents.sequences(4, 9).unwrap().x().data(), [9, 9, 9, 9, 9, 3, 3, 1]);
    assert_eq!(documents.sequences(0, 4).unwrap().x().data(), [0; 0]);

    let none = read(&b""[..], "texts").unwrap();
    assert!(none.is_empty() && none.multi_hot(3).unwrap().is_empty());
}

#[cfg(feature = "gzip")]
#[test]
fn a_damaged_gzip_stream_is_an_error() {
    let error = read(&[0x1f, 0x8b, 0, 1, 2][..], "texts").unwrap_err().to_string();
    assert!(error.starts_with("texts: expected a valid gzip stream, found "), "{error}");
}
