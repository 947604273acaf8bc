//! When a certificate ends. Floor 2, pure.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::ber::element;

/// `notAfter` of a certificate (RFC 5280, section 4.1); none where it cannot be read.
pub(super) fn expiry(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate, _) = element(der)?;
    let (_, mut body, _) = element(certificate)?;
    // The version may be left out; then serial number, signature, issuer, validity.
    if body.first() == Some(&0xa0) {
        body = element(body)?.2;
    }
    for _ in 0..3 {
        body = element(body)?.2;
    }
    let (_, validity, _) = element(body)?;
    let (tag, end, _) = element(element(validity)?.2)?;
    time(tag, std::str::from_utf8(end).ok()?)
}

fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let text = match tag {
        // UTCTime has two digits for the year: 50 and later are of the last century.
        0x17 => format!("{}{text}", if text.get(..2)? < "50" { "20" } else { "19" }),
        0x18 => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_found() {
        let mut params = rcgen::CertificateParams::new(vec!["ldap.example".to_owned()]).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        for (year, shown) in [(2031, "2031-03-04T00:00:00Z"), (2075, "2075-03-04T00:00:00Z")] {
            params.not_after = rcgen::date_time_ymd(year, 3, 4);
            let certificate = params.self_signed(&key).unwrap();
            assert_eq!(expiry(certificate.der()).unwrap().to_string(), shown);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = expiry(&bytes);
        }
    }
}
