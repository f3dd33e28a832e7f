// SPDX-License-Identifier: BSD-3-Clause
//! The rows of wire-bench with other libraries.
//!   wire-peers memory
//!   wire-peers loopback PEER ROW PORT ROUNDS

mod loopback;
mod memory;
mod timing;
mod tls;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        ["memory"] => {
            memory::run();
            tls::run();
        }
        ["loopback", peer, row, port, rounds] => loopback::run(peer, row, port, rounds.parse().unwrap()),
        _ => std::process::exit(2),
    }
}
