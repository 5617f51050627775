//! Credentials in heads: knowing them, and blotting them out.

use std::borrow::Cow;

use crate::http::headers::Headers;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Headers whose whole value is a credential.
const HEADERS: &[&str] = &["cookie", "set-cookie", "authorization", "proxy-authorization"];

/// Headers whose value is a URI that may carry a query.
const URIS: &[&str] = &["referer", "location", "content-location"];

/// What names of credential parameters contain; compared without case, `-` and `_`.
const PARAMETERS: &[&str] = &[
    "token",
    "secret",
    "passw",
    "pwd",
    "apikey",
    "accesskey",
    "auth",
    "credential",
    "signature",
    "session",
    "jwt",
    "bearer",
    "ticket",
    "assertion",
];

/// Names that are credentials only as a whole: as a part they are too common.
const WHOLE_PARAMETERS: &[&str] = &["key", "sig", "sid", "code", "pass", "pin", "otp"];

/// Whether a header's value is a credential.
pub fn is_credential_header(name: &str) -> bool {
    HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// Name of the first credential in a request target's query.
pub fn credential_in_query(target: &str) -> Option<&str> {
    let (_, query) = target.split_once('?')?;
    query.split('&').find_map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        is_credential(name, value).then_some(if value.is_empty() { "token" } else { name })
    })
}

/// The same URI with the credentials of its query blotted out.
pub fn redact_query(uri: &str) -> Cow<'_, str> {
    let Some((path, query)) = uri.split_once('?') else { return Cow::Borrowed(uri) };
    if credential_in_query(uri).is_none() {
        return Cow::Borrowed(uri);
    }
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, value)) if is_credential(name, value) => format!("{name}={REDACTED}"),
        None if is_credential(parameter, "") => REDACTED.to_owned(),
        Some(_) | None => parameter.to_owned(),
    });
    Cow::Owned(format!("{path}?{}", parameters.collect::<Vec<_>>().join("&")))
}

/// Blots out the credentials of a header section.
pub fn redact_headers(headers: &mut Headers) {
    headers.rewrite(|name, value| {
        if is_credential_header(name) {
            return Some(REDACTED.into());
        }
        URIS.iter().any(|uri| name.eq_ignore_ascii_case(uri)).then(|| redact_query(value).into_owned())
    });
    // It may well be one of those lines, misspelt.
    if headers.malformed.is_some() {
        headers.malformed = Some(REDACTED.into());
    }
}

/// Whether a query parameter is a credential: by its name, or because it looks like a token.
fn is_credential(name: &str, value: &str) -> bool {
    if value.is_empty() {
        return looks_like_token(name);
    }
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    PARAMETERS.iter().any(|part| plain.contains(part))
        || WHOLE_PARAMETERS.contains(&plain.as_str())
        || looks_like_token(value)
}

/// Whether a value is long and random enough to be a token: a JWT, a hash, base64.
fn looks_like_token(value: &str) -> bool {
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+/=%~".contains(&byte);
    value.len() >= 24
        && value.bytes().all(alphabet)
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head;

    #[test]
    fn credentials_in_a_query_are_blotted_out_and_the_rest_stays() {
        for (uri, redacted) in [
            ("/chat", "/chat"),
            ("/socket.io/?EIO=4&transport=websocket", "/socket.io/?EIO=4&transport=websocket"),
            ("/a?access_token=x&room=7", "/a?access_token=[redacted]&room=7"),
            ("/a?room=7&API-Key=1", "/a?room=7&API-Key=[redacted]"),
            ("/a?key=1&keyboard=us", "/a?key=[redacted]&keyboard=us"),
            ("/a?x=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "/a?x=[redacted]"),
            ("/a?0123456789abcdef0123456789abcdef", "/a?[redacted]"),
        ] {
            assert_eq!(redact_query(uri), redacted);
            assert_eq!(credential_in_query(uri).is_some(), uri != redacted);
        }
    }

    #[test]
    fn credential_headers_are_blotted_out_and_the_key_stays() {
        let head = b"GET / HTTP/1.1\r\nCOOKIE: a=b\r\nProxy-Authorization: Basic eDp5\r\nSec-WebSocket-Key: k\r\nReferer: http://a/?token=1\r\n\r\n";
        let mut headers = head::request(head).headers;
        redact_headers(&mut headers);
        let expected = [
            ("COOKIE", REDACTED),
            ("Proxy-Authorization", REDACTED),
            ("Sec-WebSocket-Key", "k"),
            ("Referer", "http://a/?token=[redacted]"),
        ];
        assert!(headers.lines().eq(expected), "{headers:?}");
        assert!(!format!("{headers:?}").contains("eDp5"));
    }
}
