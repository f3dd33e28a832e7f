// SPDX-License-Identifier: BSD-3-Clause
//! One TCP connection of smoltcp on a TAP: connects or listens, sends so many bytes of a pattern,
//! takes all that the peer sends, closes, and prints `sent N CRC received N CRC`.

use smoltcp::iface::{InterfaceBuilder, NeighborCache, Routes};
use smoltcp::phy::{wait, Medium, TunTapInterface};
use smoltcp::socket::{TcpSocket, TcpSocketBuffer, TcpState};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use std::collections::BTreeMap;
use std::os::unix::io::AsRawFd;
use std::process::exit;
use std::str::FromStr;

const USAGE: &str = "usage: nexpath-smoltcp TAP OWN/LENGTH BUFFER BYTES connect ADDRESS PORT
       nexpath-smoltcp TAP OWN/LENGTH BUFFER BYTES listen PORT
       nexpath-smoltcp TAP OWN/LENGTH BUFFER BYTES abort ADDRESS PORT

BUFFER is the room in bytes for what is received, and for what is sent. abort resets after BYTES,
once the peer has sent something.";
const SILENCE: Duration = Duration::from_secs(30);
const CHUNK: usize = 16384;

struct Sum {
    bytes: u64,
    crc: u32,
}

impl Sum {
    fn new() -> Sum {
        Sum { bytes: 0, crc: !0 }
    }

    /// The CRC of zlib and Ethernet.
    fn add(&mut self, data: &[u8]) {
        self.bytes += data.len() as u64;
        for byte in data {
            self.crc ^= u32::from(*byte);
            for _ in 0..8 {
                self.crc = (self.crc >> 1) ^ (0xedb8_8320 & (self.crc & 1).wrapping_neg());
            }
        }
    }

    fn text(&self) -> String {
        format!("{} {:08x}", self.bytes, !self.crc)
    }
}

/// A byte of the stream; its period is no power of two.
fn pattern(position: u64) -> u8 {
    (position.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

fn parsed<T: FromStr>(text: &str, what: &str) -> T {
    text.parse().unwrap_or_else(|_| {
        eprintln!("nexpath-smoltcp: {text} is no {what}\n{USAGE}");
        exit(2)
    })
}

struct Transfer {
    left: u64,
    aborts: bool,
    closed: bool,
    sent: Sum,
    received: Sum,
}

impl Transfer {
    /// Whether anything moved.
    fn step(&mut self, socket: &mut TcpSocket) -> bool {
        let mut chunk = [0; CHUNK];
        let before = self.sent.bytes + self.received.bytes;

        while self.left > 0 && socket.can_send() {
            let most = self.left.min(CHUNK as u64) as usize;
            for (i, byte) in chunk[..most].iter_mut().enumerate() {
                *byte = pattern(self.sent.bytes + i as u64);
            }
            let taken = socket.send_slice(&chunk[..most]).unwrap_or(0);
            self.sent.add(&chunk[..taken]);
            self.left -= taken as u64;
        }
        while socket.can_recv() {
            let taken = socket.recv_slice(&mut chunk).unwrap_or(0);
            self.received.add(&chunk[..taken]);
        }
        let answered = self.received.bytes > 0 || !self.aborts;
        if self.left == 0 && answered && !self.closed && socket.may_send() {
            self.closed = true;
            if self.aborts {
                socket.abort();
            } else {
                socket.close();
            }
        }
        self.sent.bytes + self.received.bytes != before
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (what, needed) = match words.get(4).map(String::as_str) {
        Some("listen") => ("listen", 6),
        Some("connect") => ("connect", 7),
        Some("abort") => ("abort", 7),
        _ => ("", usize::MAX),
    };
    if words.len() != needed {
        eprintln!("{USAGE}");
        exit(2);
    }
    let own: IpCidr = parsed(&words[1], "address");
    let buffer: usize = parsed(&words[2], "number of bytes");
    let mut transfer = Transfer {
        left: parsed(&words[3], "number of bytes"),
        aborts: what == "abort",
        closed: false,
        sent: Sum::new(),
        received: Sum::new(),
    };
    let device = TunTapInterface::new(&words[0], Medium::Ethernet).unwrap_or_else(|error| {
        eprintln!("nexpath-smoltcp: {}: {error}", words[0]);
        exit(1)
    });
    let fd = device.as_raw_fd();
    let mut iface = InterfaceBuilder::new(device, vec![])
        .hardware_addr(EthernetAddress([2, 0, 0, 0, 0, 9]).into())
        .neighbor_cache(NeighborCache::new(BTreeMap::new()))
        .routes(Routes::new(BTreeMap::new()))
        .ip_addrs([own])
        .random_seed(u64::from(std::process::id()))
        .finalize();
    let handle = iface.add_socket(TcpSocket::new(
        TcpSocketBuffer::new(vec![0; buffer]),
        TcpSocketBuffer::new(vec![0; buffer]),
    ));
    let (socket, context) = iface.get_socket_and_context::<TcpSocket>(handle);
    let opened = if what == "listen" {
        socket.listen(parsed::<u16>(&words[5], "port"))
    } else {
        let peer: IpAddress = parsed(&words[5], "address");
        let port: u16 = parsed(&words[6], "port");
        let local = 49152 + (std::process::id() % 16384) as u16;
        socket.connect(context, (peer, port), local)
    };
    opened.expect("a new socket opens");

    let mut last = Instant::now();
    loop {
        let now = Instant::now();
        // A frame that it does not understand is an error of poll, and no reason to end.
        let _ = iface.poll(now);
        let socket = iface.get_socket::<TcpSocket>(handle);
        if transfer.step(socket) {
            last = now;
        }
        if matches!(socket.state(), TcpState::Closed | TcpState::TimeWait) {
            break;
        }
        if now > last + SILENCE {
            eprintln!("nexpath-smoltcp: nothing moves in state {}", socket.state());
            exit(1);
        }
        let pause = iface.poll_delay(now).unwrap_or(Duration::from_millis(100));
        wait(fd, Some(pause.min(Duration::from_millis(100)))).expect("the TAP can be waited for");
    }
    // What is queued last, an acknowledgement or a reset, leaves too.
    let _ = iface.poll(Instant::now());
    println!("sent {} received {}", transfer.sent.text(), transfer.received.text());
}
