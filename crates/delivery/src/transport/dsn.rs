//! Delivery status notifications (RFC 3464): what a mail system reports of a message, found by the envelope id that we gave it
//! (RFC 3461 §4.4).

use zamok_cabinet::ReceiptState;
use zamok_core::wire::unhex;

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The envelope id: our transaction id.
    pub id: String,
    /// How it stands.
    pub state: ReceiptState,
    /// The status code (RFC 3463), where there is one.
    pub reason: String,
}

/// What the part with the fields is called: RFC 3464, and RFC 6533 where addresses need not be ASCII.
const KINDS: [&str; 2] = ["message/delivery-status", "message/global-delivery-status"];

/// Longest report that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Reads a report from a whole e-mail; `None` where it is none, or names no envelope.
#[must_use]
pub fn read_report(email: &[u8]) -> Option<Report> {
    let text = String::from_utf8_lossy(&email[..email.len().min(LONGEST)]);
    let lower = text.to_ascii_lowercase();
    let start = lower.match_indices("content-type:").find_map(|(place, name)| {
        // RFC 5322 §2.2.3: its value may stand in the next line.
        let kind = lower[place + name.len()..].trim_start();
        KINDS.iter().any(|known| kind.starts_with(known)).then_some(place)
    })?;
    let (mut id, mut action, mut status) = (None, None, None);
    // Fields of the message come first, then those of each recipient; we send to one.
    for line in text[start..].lines() {
        // RFC 2046 §5.1.1: a boundary may hold colons.
        if line.starts_with("--") {
            break;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "original-envelope-id" if id.is_none() => id = Some(unxtext(value)),
            "action" if action.is_none() => action = Some(value.to_ascii_lowercase()),
            "status" if status.is_none() => status = Some(value.chars().take(32).collect::<String>()),
            _ => {}
        }
    }
    let state = match action?.split(char::is_whitespace).next()? {
        "delivered" => ReceiptState::Delivered,
        "failed" => ReceiptState::Rejected,
        // RFC 3464 §2.3.3: a system that tells no more has passed it on; a delayed one is still tried.
        "relayed" | "expanded" => ReceiptState::Delivered,
        "delayed" => ReceiptState::OnTheWay,
        _ => return None,
    };
    let id = id.filter(|id| !id.is_empty() && id.len() <= 100)?;
    Some(Report { id, state, reason: status.unwrap_or_default() })
}

/// RFC 3461 §4: `+` and two hexadecimal digits stand for a character.
fn unxtext(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('+') {
        plain.push_str(before);
        match byte_of(after) {
            Some(byte) => {
                plain.push(byte.into());
                rest = &after[2..];
            }
            None => rest = after,
        }
    }
    plain.push_str(rest);
    plain
}

fn byte_of(text: &str) -> Option<u8> {
    let [byte] = text.as_bytes().get(..2).and_then(unhex::<1>)?;
    Some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the form of RFC 3464, appendix D.
    fn report(action: &str) -> String {
        format!(
            "Date: Thu, 7 Jul 1994 17:16:05 -0400\r\nFrom: Mail Delivery Subsystem <MAILER-DAEMON@CS.UTK.EDU>\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n      \
             boundary=\"RAA14128.773615765/CS.UTK.EDU\"\r\n\r\n--RAA14128.773615765/CS.UTK.EDU\r\n\r\n\
             The original message was received at Sat, 2 Jul 1994 17:10:28 -0400\r\n\r\n\
             --RAA14128.773615765/CS.UTK.EDU\r\ncontent-type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; cs.utk.edu\r\nOriginal-Envelope-Id: 00ff+2B11\r\n\r\n\
             Original-Recipient: rfc822;louisl@larry.slip.umd.edu\r\n\
             Final-Recipient: rfc822;louisl@larry.slip.umd.edu\r\nAction: {action}\r\nStatus: 4.0.0\r\n\
             Diagnostic-Code: smtp; 426 connection timed out\r\n\r\n--RAA14128.773615765/CS.UTK.EDU\r\n\
             content-type: message/rfc822\r\n\r\nAction: delivered\r\n"
        )
    }

    #[test]
    fn reports_name_the_envelope_and_how_it_ended() {
        for (action, state) in [
            ("failed", ReceiptState::Rejected),
            ("Delivered", ReceiptState::Delivered),
            ("delayed", ReceiptState::OnTheWay),
            ("relayed (to a system without DSN)", ReceiptState::Delivered),
        ] {
            let found = read_report(report(action).as_bytes());
            assert_eq!(
                found,
                Some(Report { id: "00ff+11".into(), state, reason: "4.0.0".into() }),
                "{action}"
            );
        }
        assert_eq!(read_report(report("lost").as_bytes()), None);
        assert_eq!(read_report(b"Subject: I am away\r\n\r\nAction: failed\r\n"), None);
        let nameless = report("failed").replace("Original-Envelope-Id", "X-Id");
        assert_eq!(read_report(nameless.as_bytes()), None);
    }

    #[test]
    fn what_the_returned_message_says_is_no_report_whatever_the_boundary_is_made_of() {
        for boundary in ["RAA14128.773615765/CS.UTK.EDU", "=_17:14:05:cs", "a: b"] {
            let report = report("failed").replace("RAA14128.773615765/CS.UTK.EDU", boundary);
            assert!(read_report(report.as_bytes()).is_some(), "{boundary}");
            assert_eq!(read_report(report.replace("Action: failed\r\n", "").as_bytes()), None, "{boundary}");
        }
    }

    #[test]
    fn what_stands_for_no_character_stands_for_itself() {
        for (text, plain) in
            [("a+2Bb", "a+b"), ("a++1b", "a\u{1b}"), ("a+", "a"), ("a+2", "a2"), ("a+zz", "azz")]
        {
            assert_eq!(unxtext(text), plain, "{text}");
        }
    }

    #[test]
    fn the_part_with_the_fields_is_found_under_both_its_names_and_folded() {
        for kind in [
            " message/global-delivery-status",
            " Message/Delivery-Status; charset=us-ascii",
            "\r\n\tmessage/delivery-status",
            "  message/delivery-status",
        ] {
            let report = report("failed")
                .replace("content-type: message/delivery-status", &format!("Content-Type:{kind}"));
            assert!(read_report(report.as_bytes()).is_some(), "{kind:?}");
        }
    }
}
