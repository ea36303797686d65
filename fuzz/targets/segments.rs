//! Texts in segments: every text is read back whole, every segment can be read by itself and is no longer than it may be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zamok_delivery::{Alphabet, Segments, read};
use zamok_fuzz::accepted;

fuzz_target!(|text: &str| {
    let Ok(segments) = Segments::of(text, Segments::MOST) else { return };
    let parts: Vec<&[u8]> = segments.parts().collect();
    assert_eq!(read(segments.alphabet(), &parts), text);
    let octets = if segments.alphabet() == Alphabet::Gsm7 { 1 } else { 2 };
    match segments.alphabet() {
        Alphabet::Gsm7 => accepted("gsm"),
        Alphabet::Ucs2 => accepted("ucs2"),
    }
    let limit = if parts.len() == 1 { segments.alphabet().single() } else { segments.alphabet().joined() };
    let each: String = parts.iter().map(|part| read(segments.alphabet(), &[part])).collect();
    assert_eq!(each, text, "nothing is split within a character");
    assert!(parts.iter().all(|part| part.len() <= limit * octets));
    if parts.len() > 1 {
        accepted("several");
    }
    for place in 0..parts.len() {
        assert_eq!(segments.header(0, place).is_some(), parts.len() > 1);
    }
});
