// SPDX-License-Identifier: BSD-3-Clause
//! Kernel sockets, to the server that wire-bench is: the client's side of a request, and of a feed.

use crate::timing::measure;
use nexus_web::ws::{FrameReader, Role};
use std::hint::black_box;
use std::io::Write;
use std::net::TcpStream;

const ORDER: &str = r#"{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","quantity":"0.001"}"#;
const BURST: usize = 1000;

fn nexus(port: &str, rounds: usize) {
    use nexus_web::http::ResponseReader;
    use nexus_web::rest::{Client, RequestWriter};
    let mut writer = RequestWriter::new("127.0.0.1").unwrap();
    writer.default_header("Content-Type", "application/json").unwrap();
    let mut reader = ResponseReader::new(4096);
    let mut client = Client::builder().disable_nagle().connect(&format!("http://127.0.0.1:{port}")).unwrap();
    measure("nexus-web", "loopback-post", rounds, 1, &mut client, |_| (), |c| {
        let request = writer.post("/api/v3/order")
            .header("X-MBX-TIMESTAMP", "1700000000000")
            .body(ORDER.as_bytes())
            .finish()
            .unwrap();
        assert!(c.send(request, &mut reader).unwrap().body().len() == 36);
    });
}

fn nexus_messages(port: &str, rounds: usize) {
    let mut socket = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let mut reader = FrameReader::builder().role(Role::Client).buffer_capacity(1 << 18).build();
    socket.write_all(format!("w{}", rounds + rounds / 10).as_bytes()).unwrap();
    measure("nexus-web", "loopback-messages-40", rounds, BURST, &mut reader, |_| (), |r| {
        let mut left = BURST;
        while left > 0 {
            match r.next().unwrap() {
                Some(message) => {
                    black_box(&message);
                    left -= 1;
                }
                None => {
                    r.read_from(&mut socket).unwrap();
                }
            }
        }
    });
}

fn tungstenite_messages(port: &str, rounds: usize) {
    let mut socket = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    socket.write_all(format!("w{}", rounds + rounds / 10).as_bytes()).unwrap();
    let mut socket = tungstenite::WebSocket::from_raw_socket(socket, tungstenite::protocol::Role::Client, None);
    measure("tungstenite", "loopback-messages-40", rounds, BURST, &mut socket, |_| (), |s| {
        for _ in 0..BURST {
            black_box(s.read().unwrap());
        }
    });
}

fn reqwest_post(port: &str, rounds: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("http://127.0.0.1:{port}/api/v3/order");
    let mut client = reqwest::Client::builder().tcp_nodelay(true).build().unwrap();
    measure("reqwest", "loopback-post", rounds, 1, &mut client, |_| (), |c| {
        let body = runtime.block_on(async {
            c.post(&url)
                .header("Content-Type", "application/json")
                .header("X-MBX-TIMESTAMP", "1700000000000")
                .body(ORDER)
                .send()
                .await
                .unwrap()
                .bytes()
                .await
                .unwrap()
        });
        assert!(body.len() == 36);
    });
}

pub fn run(peer: &str, row: &str, port: &str, rounds: usize) {
    match (peer, row) {
        ("nexus-web", "loopback-post") => nexus(port, rounds),
        ("nexus-web", _) => nexus_messages(port, rounds / 100),
        ("reqwest", _) => reqwest_post(port, rounds),
        _ => tungstenite_messages(port, rounds / 100),
    }
}
