//! What reads input that nobody vouches for, and what must hold whatever it is. Each function takes any bytes and panics if
//! something does not hold.
//!
//! | function | tries | whose input |
//! |---|---|---|
//! | [`request_head`] | the server's extractors | a stranger's, on the network |
//! | [`registration`] | the body of a registration | a stranger's, on the network |
//! | [`setup_link`] | the protocol's decoder | pasted, typed or scanned |
//! | [`invite_link`] | the same for an invite | pasted, typed or scanned |
//! | [`account_file`] | the reader of account files, also past their checksum | a file that may come from anywhere |
//! | [`credentials`] | the wizard's decoder, which takes everything that looks like settings | pasted |
//! | [`taskrc`] | how the wizard's block gets into a taskrc | a file that anything may have written |
//!
//! Two callers try the same functions: `tests/properties.rs` on a bounded number of mutated seeds, in every test run; and the
//! targets in `fuzz/`, guided by coverage and for as long as one likes. Both begin with the seeds in `fuzz/seeds/`, one
//! folder per function. What a fuzzer finds becomes one more seed.

#![expect(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::expect_used,
    reason = "the whole crate is test code: a panic is how it reports a finding"
)]

use actix_web::Error;
use actix_web::body::MessageBody as _;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::test::TestRequest;
use taskferry::credentials::decode::decode;
use taskferry::credentials::{Credentials, Secret};
use taskferry::error::Explain as _;
use taskferry::taskrc::edit::{lines, put_block};
use taskferry::taskrc::{Block, keys};
use taskferry_protocol::account_file::{AccountFileError, Reader, Writer};
use taskferry_protocol::describe::Problem;
use taskferry_protocol::wire::{PROBLEM_JSON, X_CLIENT_ID};
use taskferry_protocol::{ClientId, InviteLink, SetupLink, VersionId};

/// Something that takes any bytes.
pub type Entry = fn(&[u8]);

/// All of them, by the names of their seeds and targets.
pub const ENTRIES: [(&str, Entry); 7] = [
    ("request_head", request_head),
    ("registration", registration),
    ("setup_link", setup_link),
    ("invite_link", invite_link),
    ("account_file", account_file),
    ("credentials", credentials),
    ("taskrc", taskrc),
];

/// The first line is the version in the path, each further one a header.
pub fn request_head(input: &[u8]) {
    let mut input = input.split(|byte| *byte == b'\n');
    let version = String::from_utf8_lossy(input.next().unwrap_or_default()).into_owned();
    let headers: Vec<(HeaderName, HeaderValue)> = input.filter_map(header).collect();
    let read = |headers: &[(HeaderName, HeaderValue)]| {
        let request = headers.iter().cloned().fold(TestRequest::post(), TestRequest::append_header);
        taskferry_server::untrusted::head(&request.param("version", version.clone()).to_http_request())
    };
    let client_ids: Vec<&HeaderValue> =
        headers.iter().filter(|(name, _)| name == X_CLIENT_ID).map(|(_, value)| value).collect();
    match read(&headers) {
        Ok(head) => {
            let [client_id] = client_ids[..] else { panic!("accepted with {} client IDs", client_ids.len()) };
            let id = head.client.expose().simple().to_string();
            assert_eq!(digits(client_id.as_bytes()), id);
            assert_eq!(digits(version.as_bytes()), head.version.as_uuid().simple().to_string());
            assert_eq!(head.version.to_string().parse::<VersionId>(), Ok(head.version));
        }
        Err(refusal) => {
            // With other client IDs the words are the same: none of them is repeated.
            let others: Vec<_> = headers.iter().cloned().map(with_another_client_id).collect();
            let other = read(&others).expect_err("refused with another client ID too");
            assert_eq!(explained(&refusal), explained(&other));
        }
    }
}

/// The header, or another client ID, which is one if this is one.
fn with_another_client_id((name, value): (HeaderName, HeaderValue)) -> (HeaderName, HeaderValue) {
    let is_one = value.to_str().is_ok_and(|text| text.parse::<ClientId>().is_ok());
    let another = HeaderValue::from_static(if is_one { "2b1c3c3e-74a5-4f39-8b1d-96f6c1a0d7e2" } else { "none" });
    if name == X_CLIENT_ID { (name, another) } else { (name, value) }
}

/// `name: value`, if HTTP has such a header.
fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(line[..colon].trim_ascii()).ok()?;
    Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
}

/// The 32 digits of a UUID, however it is spelled.
fn digits(spelled: &[u8]) -> String {
    let spelled = String::from_utf8_lossy(spelled).to_ascii_lowercase();
    let spelled = spelled.strip_prefix("urn:uuid:").unwrap_or(&spelled);
    spelled.chars().filter(|c| !matches!(c, '-' | '{' | '}')).collect()
}

/// It refuses, by a status that puts it on the request, and says why. Returns the body.
fn explained(refusal: &Error) -> Vec<u8> {
    let refusal = refusal.error_response();
    assert!(refusal.status().is_client_error(), "{refusal:?}");
    assert_eq!(refusal.headers().get("content-type").map(HeaderValue::as_bytes), Some(PROBLEM_JSON.as_bytes()));
    let status = refusal.status().as_u16();
    let body = refusal.into_body().try_into_bytes().unwrap_or_else(|_| panic!("a body in pieces")).to_vec();
    let problem: Problem = serde_json::from_slice(&body).expect("a refusal in JSON");
    assert_eq!(problem.status, status);
    assert!(!problem.code.is_empty() && !problem.detail.is_empty());
    body
}

/// The body of `POST /taskferry/v1/register`.
pub fn registration(input: &[u8]) {
    match taskferry_server::untrusted::registration(input) {
        Ok(request) => {
            if !input.is_empty() {
                let json: serde_json::Value = serde_json::from_slice(input).expect("what was accepted is JSON");
                assert_eq!(json["invite"].as_str(), request.invite.as_deref());
                assert!(json.as_object().is_some_and(|object| object.keys().all(|key| key == "invite")));
            }
        }
        Err(refusal) => assert_eq!(explained(&refusal).first(), Some(&b'{')),
    }
}

/// What a person pastes where a setup link is expected.
pub fn setup_link(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match SetupLink::parse(&text) {
        Ok(link) => {
            assert_eq!(SetupLink::parse(&link.to_text()).as_ref(), Ok(&link), "a link reads back as itself");
            assert!(!format!("{link:?}").contains(link.secret.expose()) || link.secret.expose().len() < 8);
        }
        // To be shown: a mistake is located within the text.
        Err(error) => assert!(error.to_string().len() < 500),
    }
}

/// What an invited person pastes in place of a server's address.
pub fn invite_link(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match InviteLink::parse(&text) {
        Ok(link) => {
            assert_eq!(InviteLink::parse(&link.to_text()).as_ref(), Ok(&link), "a link reads back as itself");
            assert!(!format!("{link:?} {link}").contains(&**link.code.to_text()), "its code does not show by accident");
        }
        Err(error) => assert!(error.to_string().len() < 500),
    }
}

/// A file that somebody wants to take an account from: as it is, and as somebody would forge it, with the right checksum.
pub fn account_file(input: &[u8]) {
    let mut forged = input.to_vec();
    if let Some(end) = input.len().checked_sub(32) {
        let sum = ring::digest::digest(&ring::digest::SHA256, &input[..end]);
        forged[end..].copy_from_slice(sum.as_ref());
    }
    for file in [input, &forged] {
        match written_again(file) {
            Ok(again) => {
                assert_eq!(
                    written_again(&again).ok().as_ref(),
                    Some(&again),
                    "what was read is written, and read again"
                );
            }
            Err(error) => assert!(error.to_string().len() < 200),
        }
    }
}

/// What the reader makes of the file, as the writer writes it.
fn written_again(file: &[u8]) -> Result<Vec<u8>, AccountFileError> {
    let mut reader = Reader::open(file)?;
    let mut writer = Writer::begin(Vec::new(), &reader.head().clone())?;
    while let Some(record) = reader.next()? {
        writer.record(&record)?;
        let mut bytes = 0;
        while let Some(piece) = reader.piece()? {
            bytes += piece.len() as u64;
            writer.piece(piece)?;
        }
        assert_eq!(bytes, record.bytes, "a body is as long as was announced");
    }
    Ok(writer.finish().expect("what the reader accepts, the writer does"))
}

/// What a person pastes where credentials in any form are expected.
pub fn credentials(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match decode(&text) {
        Ok(decoded) => {
            assert!(!decoded.checked || Credentials::looks_like_one(&text), "only a link has a checksum");
            // Not every secret can stand in a taskrc; what can is read back.
            if let Ok(block) = Block::settings(&decoded.credentials, keys::URL) {
                let again = decode(&block.setting_lines()).map(|again| again.credentials);
                assert_eq!(again, Ok(decoded.credentials));
            }
        }
        Err(error) => assert!(error.hint().is_some(), "{error:?} says what to do"),
    }
}

/// A taskrc into which the wizard is to put its block.
pub fn taskrc(input: &[u8]) {
    let sample = Credentials {
        server: "https://sync.example.org".parse().expect("an address"),
        client_id: "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10".parse().expect("a UUID"),
        secret: Secret::parse("sesame".to_owned()).expect("a secret"),
    };
    let block = Block::settings(&sample, keys::URL).expect("a block");
    match put_block(input, &block) {
        Ok(new) => {
            assert_eq!(put_block(&new, &block).as_deref(), Ok(&*new), "twice equals once");
            let blocks = [b"\n".as_slice(), b"\r\n"].map(|line_end| block.to_bytes(line_end));
            let at = |block: &[u8]| new.windows(block.len()).position(|part| part == block);
            let (start, length) = blocks
                .iter()
                .find_map(|block| Some((at(block)?, block.len())))
                .expect("the block is in it, whole and with one kind of line end");
            let before = &new[..start];
            let separated =
                || before.strip_prefix(input).is_some_and(|added| added.iter().all(u8::is_ascii_whitespace));
            assert!(input.starts_with(before) || separated(), "what stands before the block stays");
            assert!(input.ends_with(&new[start + length..]), "what stands behind the block stays");
        }
        Err(error) => assert!((1..=lines(input).count()).contains(&error.line), "{error:?}"),
    }
}
