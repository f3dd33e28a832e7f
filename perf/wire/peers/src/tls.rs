// SPDX-License-Identifier: BSD-3-Clause
//! Records of TLS 1.3 to WebSocket messages: nexus-net's codec, and tungstenite over rustls.

use crate::memory::{frame, Quote, QUOTE};
use crate::timing::{measure, SAMPLES};
use nexus_net::tls::{TlsCodec, TlsConfig};
use nexus_web::ws::{FrameReader, Message, Role};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::hint::black_box;
use std::io::{self, Cursor, Read, Write};
use std::sync::Arc;

const RECORDS: usize = 8;

struct Server {
    tls: rustls::ServerConnection,
    root: Vec<u8>,
}

fn server() -> Server {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_string()]).unwrap();
    let root = made.cert.der().to_vec();
    let key = PrivateKeyDer::try_from(made.key_pair.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(root.clone())], key)
        .unwrap();
    Server { tls: rustls::ServerConnection::new(Arc::new(config)).unwrap(), root }
}

impl Server {
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes).unwrap();
            self.tls.process_new_packets().unwrap();
        }
    }
    fn give(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut out).unwrap();
        }
        out
    }
    fn records(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        (0..RECORDS).map(|_| {
            self.tls.writer().write_all(frame).unwrap();
            self.give()
        }).collect()
    }
}

fn nexus(row: &str, frame: &[u8], decodes: bool) {
    let mut server = server();
    let config = TlsConfig::builder().add_root_cert(server.root.clone()).skip_system_certs().build().unwrap();
    let mut codec = TlsCodec::new(&config, "localhost").unwrap();
    while codec.is_handshaking() {
        let mut out = Vec::new();
        while codec.wants_write() {
            codec.write_tls_to(&mut out).unwrap();
        }
        server.take(&out);
        let bytes = server.give();
        let mut at = 0;
        while at < bytes.len() {
            at += codec.read_and_process_tls(&bytes[at..]).unwrap();
        }
    }
    let mut out = Vec::new();
    while codec.wants_write() {
        codec.write_tls_to(&mut out).unwrap();
    }
    server.take(&out);
    for bytes in [server.give()] {
        let mut at = 0;
        while at < bytes.len() {
            at += codec.read_and_process_tls(&bytes[at..]).unwrap();
        }
    }
    let mut reader = FrameReader::builder().role(Role::Client).buffer_capacity(65536).build();
    let mut records = Vec::new();
    let mut state = (codec, &mut reader, &mut records);
    measure("nexus-web", row, SAMPLES / 2, RECORDS, &mut state,
        |s| *s.2 = server.records(frame),
        |s| for record in s.2.iter() {
            assert!(s.0.read_and_process_tls(record).unwrap() == record.len());
            loop {
                s.0.drain_plaintext_into(s.1).unwrap();
                let Some(message) = s.1.next().unwrap() else {
                    s.1.compact(); // the rest of the frame found no room
                    continue;
                };
                if let (true, Message::Text(text)) = (decodes, &message) {
                    black_box(sonic_rs::from_str::<Quote>(text).unwrap());
                }
                black_box(&message);
                break;
            }
        });
}

/// Gives tungstenite the plain bytes of one record after the other.
struct Feeder {
    tls: rustls::ClientConnection,
    records: Vec<Vec<u8>>,
    at: usize,
}

impl Read for Feeder {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.tls.reader().read(to) {
            Ok(n) if n > 0 => return Ok(n),
            _ => (),
        }
        let Some(record) = self.records.get(self.at) else { return Err(io::ErrorKind::WouldBlock.into()) };
        self.at += 1;
        self.tls.read_tls(&mut Cursor::new(record.as_slice()))?;
        self.tls.process_new_packets().unwrap();
        self.tls.reader().read(to)
    }
}

impl Write for Feeder {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        Ok(from.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tungstenite(row: &str, frame: &[u8], decodes: bool) {
    let mut server = server();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(server.root.clone())).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut tls = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    for _ in 0..4 {
        let mut out = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut out).unwrap();
        }
        server.take(&out);
        let bytes = server.give();
        let mut bytes = bytes.as_slice();
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes).unwrap();
            tls.process_new_packets().unwrap();
        }
    }
    let feeder = Feeder { tls, records: Vec::new(), at: 0 };
    let mut socket = tungstenite::WebSocket::from_raw_socket(feeder, tungstenite::protocol::Role::Client, None);
    measure("tungstenite", row, SAMPLES / 2, RECORDS, &mut socket,
        |s| {
            s.get_mut().records = server.records(frame);
            s.get_mut().at = 0;
        },
        |s| for _ in 0..RECORDS {
            let message = s.read().unwrap();
            if let (true, tungstenite::Message::Text(text)) = (decodes, &message) {
                black_box(sonic_rs::from_str::<Quote>(text).unwrap());
            }
            black_box(&message);
        });
}

pub fn run() {
    for (row, one, decodes) in [
        ("tls-parse-40", frame(2, &[b'x'; 40], false), false),
        ("tls-parse-128", frame(2, &[b'x'; 128], false), false),
        ("tls-json-77", frame(1, QUOTE.as_bytes(), false), true),
    ] {
        nexus(row, &one, decodes);
        tungstenite(row, &one, decodes);
    }
}
