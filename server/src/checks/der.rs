//! From when until when a certificate is valid: as much of X.509 as that takes. Reads nothing beyond the bytes that it is given,
//! whatever they are.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::storage::UnixSeconds;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// `[0]`, in which the version stands.
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// From here on, …
    pub from: UnixSeconds,
    /// … up to here.
    pub until: UnixSeconds,
}

/// Of a certificate in DER; `None` if it is none.
pub(super) fn validity(certificate: &[u8]) -> Option<Validity> {
    let (mut certificate, _) = read(certificate, SEQUENCE)?;
    let mut signed = take(&mut certificate, SEQUENCE)?;
    if signed.first() == Some(&VERSION) {
        take(&mut signed, VERSION)?;
    }
    take(&mut signed, INTEGER)?; // serial number
    take(&mut signed, SEQUENCE)?; // algorithm
    take(&mut signed, SEQUENCE)?; // issuer
    let mut validity = take(&mut signed, SEQUENCE)?;
    Some(Validity { from: time(&mut validity)?, until: time(&mut validity)? })
}

/// The content of the next element, which must have this tag; it is gone from `bytes` then.
fn take<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (content, rest) = read(bytes, tag)?;
    *bytes = rest;
    Some(content)
}

/// The content of the first element, and what follows it.
fn read(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        short @ ..=0x7F => (usize::from(short), rest),
        // How many bytes of the length follow; certificates are no longer than two of them can say.
        long @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long - 0x80))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// `261123054201Z` or `20261123054201Z`.
fn time(bytes: &mut &[u8]) -> Option<UnixSeconds> {
    let (text, century) = match bytes.first() {
        Some(&UTC_TIME) => {
            let text = std::str::from_utf8(take(bytes, UTC_TIME)?).ok()?;
            // By RFC 5280.
            (text, if text.get(..2)?.parse::<u8>().ok()? >= 50 { "19" } else { "20" })
        }
        _ => (std::str::from_utf8(take(bytes, GENERALIZED_TIME)?).ok()?, ""),
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", format!("{century}{text}")).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn unix(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_second()
    }

    #[test]
    fn both_ends_are_read_in_either_spelling_of_time() {
        // Up to 2049 one spelling is used, and another one from then on.
        let read = validity(&certificate((2026, 11, 23), (2056, 2, 28))).unwrap();
        assert_eq!(read, Validity { from: unix("2026-11-23T00:00:00Z"), until: unix("2056-02-28T00:00:00Z") });
        let read = validity(&certificate((1999, 1, 2), (2049, 12, 31))).unwrap();
        assert_eq!(read, Validity { from: unix("1999-01-02T00:00:00Z"), until: unix("2049-12-31T00:00:00Z") });
    }

    proptest! {
        #[test]
        fn whatever_it_is_given_it_reads_no_further(
            mut bytes in prop::collection::vec(any::<u8>(), 0..64),
            at in 0_usize..400,
            cut in 0_usize..400,
        ) {
            validity(&bytes);
            let mut real = certificate((2026, 11, 23), (2027, 11, 23));
            real.truncate(cut);
            if let (Some(byte), Some(place)) = (bytes.pop(), real.get_mut(at)) {
                *place = byte;
            }
            validity(&real);
        }
    }
}
