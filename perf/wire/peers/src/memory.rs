// SPDX-License-Identifier: BSD-3-Clause
//! WebSocket frames and HTTP messages in memory.

use crate::timing::{measure, SAMPLES};
use nexus_web::ws::{apply_mask, FrameReader, FrameWriter, Message, Role};
use serde::de::DeserializeOwned;
use serde::Deserialize;
use std::future::Future;
use std::hint::black_box;
use std::io::{self, Cursor, Read, Write};
use std::pin::{pin, Pin};
use std::task::{Context, Poll, Waker};

const FRAMES: usize = 16;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
pub const QUOTE: &str = r#"{"s":"BTC-USD","b":67234.50,"a":67234.75,"bs":1.5,"as":2.3,"t":1700000000000}"#;
const ORDER: &str = r#"{"s":"BTC-USD","bids":[[67234.50,1.5],[67234.25,2.0],[67234.00,0.5]],"asks":[[67234.75,1.0],[67235.00,3.25]],"t":1700000000000,"u":987654321012}"#;

#[derive(Deserialize)]
#[allow(dead_code)]
pub struct Quote {
    s: String,
    b: f64,
    a: f64,
    bs: f64,
    #[serde(rename = "as")]
    ask_size: f64,
    t: u64,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Order {
    s: String,
    bids: Vec<[f64; 2]>,
    asks: Vec<[f64; 2]>,
    t: u64,
    u: u64,
}

pub fn frame(opcode: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let bit = if masked { 0x80 } else { 0 };
    let mut frame = vec![0x80 | opcode];
    if payload.len() < 126 {
        frame.push(bit | payload.len() as u8);
    } else {
        frame.push(bit | 126);
        frame.extend((payload.len() as u16).to_be_bytes());
    }
    if masked {
        frame.extend(MASK);
        frame.extend(payload.iter().enumerate().map(|(i, b)| b ^ MASK[i % 4]));
    } else {
        frame.extend(payload);
    }
    frame
}

fn reader_for(role: Role, bytes: usize) -> FrameReader {
    FrameReader::builder().role(role).buffer_capacity(bytes + 4096).build()
}

fn nexus_parse(row: &str, one: &[u8], role: Role) {
    let wire = one.repeat(FRAMES);
    let mut reader = reader_for(role, wire.len());
    measure("nexus-web", row, SAMPLES * 5, FRAMES, &mut reader,
        |r| {
            let _ = r.next(); // lets go of the last message
            r.read(&wire).unwrap();
        },
        |r| for _ in 0..FRAMES {
            black_box(&r.next().unwrap().unwrap());
        });
}

fn nexus_batch() {
    let wire = frame(2, &[b'x'; 128], false).repeat(100);
    let mut reader = reader_for(Role::Client, wire.len());
    measure("nexus-web", "batch-100x128", SAMPLES, 100, &mut reader, |_| (), |r| {
        r.read(&wire).unwrap();
        while let Some(message) = r.next().unwrap() {
            black_box(&message);
        }
    });
}

#[repr(align(64))]
struct Payloads([[u8; 128]; 64]);

fn masking(peer: &str, mask: impl Fn(&mut [u8], [u8; 4])) {
    let mut data = Payloads([[0x42; 128]; 64]);
    measure(peer, "mask-128", SAMPLES * 5, 64, &mut data, |_| (), |d| for payload in &mut d.0 {
        // A length known to the compiler would be a loop of its own, which messages do not get.
        mask(black_box(&mut payload[..]), MASK);
    });
}

fn nexus_write() {
    masking("nexus-web", apply_mask);
    for (row, role) in [("encode-text-128", Role::Server), ("encode-text-masked-128", Role::Client)] {
        let payload = [b'x'; 128];
        let mut out = [0u8; 256];
        measure("nexus-web", row, SAMPLES * 5, 64, &mut FrameWriter::new(role), |_| (), |w| for _ in 0..64 {
            black_box(w.encode_text(&payload, &mut out));
            black_box(&out);
        });
    }
}

/// By what its users write to, whose frames gather in its own buffer, emptied before each sample; and a frame's
/// formatting alone. Its masking is within a private module.
fn tungstenite_write() {
    use tungstenite::protocol::frame::coding::{Data, OpCode};
    use tungstenite::protocol::frame::Frame;
    use tungstenite::protocol::{Role, WebSocket};
    use tungstenite::{Bytes, Message, Utf8Bytes};
    const TEXT: &str = match std::str::from_utf8(&[b'x'; 128]) {
        Ok(text) => text,
        Err(_) => panic!(),
    };
    for (row, role, key) in [
        ("encode-text-128", Role::Server, None),
        ("encode-text-masked-128", Role::Client, Some(MASK)),
    ] {
        let mut socket = WebSocket::from_raw_socket(Memory(Cursor::new(Vec::new())), role, None);
        measure("tungstenite", row, SAMPLES * 5, 64, &mut socket,
            |s| s.flush().unwrap(),
            |s| for _ in 0..64 {
                s.write(Message::Text(Utf8Bytes::from_static(TEXT))).unwrap();
            });
        let mut out = Vec::with_capacity(256);
        measure("tungstenite-frame", row, SAMPLES * 5, 64, &mut out, |_| (), |o| for _ in 0..64 {
            o.clear();
            let mut frame = Frame::message(Bytes::from_static(TEXT.as_bytes()), OpCode::Data(Data::Text), true);
            frame.header_mut().mask = key;
            frame.format(o).unwrap();
            black_box(&o);
        });
    }
}

/// Of a masked frame the payload is masked in place, which spares it a copy; each has one of its own, as messages have.
fn fastwebsockets_write() {
    use fastwebsockets::{Frame, OpCode, Payload};
    masking("fastwebsockets", fastwebsockets::unmask);
    let mut state = (Payloads([[b'x'; 128]; 64]), vec![0u8; 256]);
    measure("fastwebsockets", "encode-text-128", SAMPLES * 5, 64, &mut state, |_| (), |(d, out)| for payload in &d.0 {
        black_box(Frame::text(Payload::Borrowed(payload)).write(out));
    });
    measure("fastwebsockets", "encode-text-masked-128", SAMPLES * 5, 64, &mut state, |_| (),
        |(d, out)| for payload in &mut d.0 {
            let mut frame = Frame::new(true, OpCode::Text, Some(MASK), Payload::BorrowedMut(payload));
            frame.mask();
            black_box(frame.write(out));
        });
}

fn nexus_json<T: DeserializeOwned>(row: &str, text: &str) {
    let wire = frame(1, text.as_bytes(), false).repeat(FRAMES);
    let mut reader = reader_for(Role::Client, wire.len());
    measure("nexus-web", row, SAMPLES, FRAMES, &mut reader,
        |r| {
            let _ = r.next();
            r.read(&wire).unwrap();
        },
        |r| for _ in 0..FRAMES {
            let Message::Text(text) = r.next().unwrap().unwrap() else { panic!() };
            black_box(sonic_rs::from_str::<T>(text).unwrap());
        });
}

/// Bytes to read; what is written goes nowhere.
struct Memory(Cursor<Vec<u8>>);

impl Read for Memory {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.0.read(to)
    }
}

impl Write for Memory {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        Ok(from.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Memory {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, to: &mut tokio::io::ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut n = self.0.read(to.initialize_unfilled())?;
        if n == 0 {
            // The bytes begin anew: its reader reads ahead, so nobody outside knows when it needs them.
            self.0.set_position(0);
            n = self.0.read(to.initialize_unfilled())?;
        }
        to.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Memory {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(from.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("memory never waits"),
    }
}

/// These read by themselves: receiving is part of the figure.
fn others_parse(row: &str, one: &[u8], masked: bool, count: usize) {
    use tungstenite::protocol::{Role, WebSocket};
    let wire = one.repeat(count);
    let role = if masked { Role::Server } else { Role::Client };
    let mut socket = WebSocket::from_raw_socket(Memory(Cursor::new(wire.clone())), role, None);
    measure("tungstenite", row, SAMPLES, count, &mut socket,
        |s| s.get_mut().0.set_position(0),
        |s| for _ in 0..count {
            black_box(s.read().unwrap());
        });
    let role = if masked { fastwebsockets::Role::Server } else { fastwebsockets::Role::Client };
    let mut socket = fastwebsockets::WebSocket::after_handshake(Memory(Cursor::new(wire)), role);
    socket.set_auto_pong(false);
    measure("fastwebsockets", row, SAMPLES, count, &mut socket, |_| (),
        |s| for _ in 0..count {
            black_box(now(s.read_frame()).unwrap());
        });
}

fn tungstenite_json<T: DeserializeOwned>(row: &str, text: &str) {
    use tungstenite::protocol::{Role, WebSocket};
    let wire = frame(1, text.as_bytes(), false).repeat(FRAMES);
    let mut socket = WebSocket::from_raw_socket(Memory(Cursor::new(wire)), Role::Client, None);
    measure("tungstenite", row, SAMPLES, FRAMES, &mut socket,
        |s| s.get_mut().0.set_position(0),
        |s| for _ in 0..FRAMES {
            let tungstenite::Message::Text(text) = s.read().unwrap() else { panic!() };
            black_box(sonic_rs::from_str::<T>(&text).unwrap());
        });
}

const BODY: &str = r#"{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":"0.001","price":"67234.50"}"#;
const KEY: &str = "abcdef1234567890abcdef1234567890abcdef1234567890abcdef1234567890";
const SIGNATURE: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"orderId\":123}";

fn post() {
    use nexus_web::http::ResponseReader;
    use nexus_web::rest::{Client, RequestWriter};
    let mut writer = RequestWriter::new("api.binance.com").unwrap();
    writer.default_header("X-MBX-APIKEY", KEY).unwrap();
    writer.default_header("Content-Type", "application/json").unwrap();
    let mut reader = ResponseReader::new(4096);
    let mut client = Client::new(Memory(Cursor::new(ANSWER.to_vec())));
    measure("nexus-web", "post-build-write-parse", SAMPLES * 5, 16, &mut client, |_| (), |c| for _ in 0..16 {
        c.stream_mut().0.set_position(0);
        let request = writer.post("/api/v3/order")
            .header("X-MBX-TIMESTAMP", "1700000000000")
            .header("X-MBX-SIGNATURE", SIGNATURE)
            .body(BODY.as_bytes())
            .finish()
            .unwrap();
        black_box(c.send(request, &mut reader).unwrap().status());
    });
    // Building alone: reqwest writes and parses nothing here.
    let mut client = reqwest::Client::new();
    measure("reqwest", "post-build-write-parse", SAMPLES, 16, &mut client, |_| (), |c| for _ in 0..16 {
        black_box(c.post("http://api.binance.com/api/v3/order")
            .header("X-MBX-APIKEY", KEY)
            .header("Content-Type", "application/json")
            .header("X-MBX-TIMESTAMP", "1700000000000")
            .header("X-MBX-SIGNATURE", SIGNATURE)
            .body(BODY)
            .build()
            .unwrap());
    });
}

const REQUEST: &str = concat!(
    "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n",
    "Host: www.kittyhell.com\r\n",
    "User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) ",
    "Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9\r\n",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n",
    "Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n",
    "Accept-Encoding: gzip,deflate\r\n",
    "Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n",
    "Keep-Alive: 115\r\n",
    "Connection: keep-alive\r\n",
    "Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; ",
    "__utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; ",
    "__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/",
    "reader/|utmcmd=referral\r\n\r\n"
);

fn head_once() -> i32 {
    use picohttpparser_sys::{phr_header, phr_parse_request};
    let mut headers = [phr_header::default(); 32];
    let (mut count, mut minor) = (32, 0);
    let (mut method, mut path) = (std::ptr::null(), std::ptr::null());
    let (mut method_length, mut path_length) = (0, 0);
    let length = unsafe {
        phr_parse_request(REQUEST.as_ptr().cast(), REQUEST.len(), &mut method, &mut method_length, &mut path,
            &mut path_length, &mut minor, headers.as_mut_ptr(), &mut count, 0)
    };
    black_box(&headers);
    length
}

pub fn run() {
    for (row, n) in [("parse-binary-40", 40), ("parse-binary-128", 128), ("parse-binary-512", 512)] {
        let one = frame(2, &vec![b'x'; n], false);
        nexus_parse(row, &one, Role::Client);
        others_parse(row, &one, false, FRAMES);
    }
    let text = [b'x'; 128];
    nexus_parse("parse-text-128", &frame(1, &text, false), Role::Client);
    others_parse("parse-text-128", &frame(1, &text, false), false, FRAMES);
    nexus_parse("parse-text-masked-128", &frame(1, &text, true), Role::Server);
    others_parse("parse-text-masked-128", &frame(1, &text, true), true, FRAMES);
    nexus_batch();
    others_parse("batch-100x128", &frame(2, &text, false), false, 100);
    nexus_write();
    tungstenite_write();
    fastwebsockets_write();
    post();
    measure("picohttpparser", "request-head-703", SAMPLES, 16, &mut (), |_| (), |_| for _ in 0..16 {
        assert!(head_once() as usize == REQUEST.len());
    });
    nexus_json::<Quote>("json-quote-77", QUOTE);
    nexus_json::<Order>("json-order-148", ORDER);
    tungstenite_json::<Quote>("json-quote-77", QUOTE);
    tungstenite_json::<Order>("json-order-148", ORDER);
}
