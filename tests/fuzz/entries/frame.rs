//! Frames and the views of every message, as a client and as a server sends them.

use pgsluice::wire::authentication;
use pgsluice::wire::authentication::Request;
use pgsluice::wire::backend::Backend;
use pgsluice::wire::frame::{self, Caps, Head};
use pgsluice::wire::frontend::Frontend;
use pgsluice::wire::limits::{ClientLimits, ServerLimits};
use pgsluice::wire::read::{Formats, Values};

use super::lies_inside;

pub fn frame(data: &[u8]) {
    walk(data, &ClientLimits::default(), |head, body| Frontend::read(head.tag, body).map(|view| frontend(&view, body)).is_ok());
    walk(data, &ServerLimits::default(), |head, body| Backend::read(head.tag, body).map(|view| backend(&view, body)).is_ok());
    // The first byte stands for the tag, so that no body is out of reach of a short input.
    if let Some((tag, body)) = data.split_first() {
        if let Ok(view) = Frontend::read(*tag, body) {
            frontend(&view, body);
        }
        if let Ok(view) = Backend::read(*tag, body) {
            backend(&view, body);
        }
        if let Ok(authentication::Request::SaslContinue(part) | authentication::Request::SaslFinal(part)) = authentication::request(body) {
            assert!(lies_inside(part, body));
        }
        if let Ok(initial) = authentication::sasl_initial(body) {
            assert_eq!(initial.mechanism.len() + 1 + 4 + initial.data.len(), body.len());
        }
    }
}

/// One message after the other, up to the first that is not whole or not valid.
fn walk(mut rest: &[u8], caps: &impl Caps, read: impl Fn(Head, &[u8]) -> bool) {
    loop {
        let head = frame::head(rest, caps);
        for short in 0..frame::HEAD.min(rest.len()) {
            match frame::head(&rest[..short], caps) {
                Ok(None) => {}
                Ok(Some(_)) => panic!("a head made of {short} bytes"),
                Err(early) => assert_eq!(head, Err(early), "more bytes took an error back"),
            }
        }
        let Ok(Some(head)) = head else { return };
        assert!(head.body <= caps.cap(head.tag).unwrap() && head.tag == rest[0]);
        let Some(body) = rest.get(frame::HEAD..head.total()) else { return };
        if !read(head, body) {
            return;
        }
        rest = &rest[head.total()..];
    }
}

fn values(values: &Values<'_>, body: &[u8]) {
    assert_eq!(values.iter().count(), values.len());
    assert_eq!(values.is_empty(), values.iter().next().is_none());
    assert!(values.iter().flatten().all(|value| lies_inside(value, body)));
}

fn formats(formats: &Formats<'_>) {
    assert_eq!(formats.iter().count(), formats.len());
    for index in [0, 1, formats.len(), usize::MAX] {
        formats.of(index);
    }
}

fn frontend(view: &Frontend<'_>, body: &[u8]) {
    match view {
        Frontend::Parse(parse) => {
            assert!(lies_inside(parse.sql, body) && lies_inside(parse.statement, body));
            assert_eq!(parse.statement.len() + parse.sql.len() + 4 + 4 * parse.parameter_types().count(), body.len());
        }
        Frontend::Bind(bind) => {
            values(&bind.parameters, body);
            formats(&bind.parameter_formats);
            formats(&bind.result_formats);
        }
        Frontend::Query(text) => assert_eq!(text.len() + 1, body.len()),
        Frontend::CopyData(data) | Frontend::Password(data) => assert_eq!(*data, body),
        _ => {}
    }
}

fn backend(view: &Backend<'_>, body: &[u8]) {
    match view {
        Backend::DataRow(row) => values(row, body),
        Backend::ErrorResponse(fields) | Backend::NoticeResponse(fields) => {
            let length: usize = fields.iter().map(|(_, text)| text.len() + 2).sum();
            assert_eq!(length + 1, body.len());
            fields.ends_connection();
        }
        Backend::RowDescription(row) => {
            assert_eq!(row.iter().count(), row.len());
            assert!(row.iter().all(|field| lies_inside(field.name, body)));
        }
        Backend::CopyInResponse(copy) | Backend::CopyOutResponse(copy) | Backend::CopyBothResponse(copy) => formats(&copy.columns),
        Backend::ParameterDescription(oids) => assert_eq!(oids.iter().count() * 4 + 2, body.len()),
        Backend::BackendKeyData(key) => assert!((4..=256).contains(&key.secret.len())),
        Backend::Authentication(Request::Sasl(mechanisms)) => assert!(!mechanisms.contains("")),
        _ => {}
    }
}
