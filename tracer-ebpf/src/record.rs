//! The record of an ended connection.

use tracer_ebpf::abi::conn::{Conn, flag};

use crate::{
    atomic::field,
    ring,
    sock::{Sock, ticks_ns},
    turns,
};

/// What a connection carried.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) data_segs_in: u32,
    pub(crate) data_segs_out: u32,
    pub(crate) retransmits: u32,
}

/// Writes the record of an ended connection straight into the ring. No atomic instruction should follow: it
/// would wait for the ring's cold cache lines.
#[inline(always)]
pub(crate) fn record(sk: Sock, conn: &Conn, now: u64, last_state: u8, errno: u16, traffic: &Traffic) {
    let Some(reserved) = ring::reserve() else {
        return;
    };
    let to = reserved.record();
    macro_rules! put {
        ($($field:ident: $value:expr,)+) => {
            $(field!(to.$field).fill($value);)+
        };
    }
    put! {
        opened_ns: conn.opened_ns,
        closed_ns: now,
        close_wait_ns: conn.close_wait_ns,
        close_wait_left_ns: conn.close_wait_left_ns,
        gap_ns: conn.gap_ns,
        idle_ns: ticks_ns(conn.idle_ticks),
        bytes_received: traffic.bytes_received,
        bytes_sent: traffic.bytes_sent,
        local_address: sk.local_address(),
        remote_address: sk.remote_address(),
        netns: sk.netns(),
        interface: conn.interface,
        data_segs_in: traffic.data_segs_in,
        data_segs_out: traffic.data_segs_out,
        retransmits: traffic.retransmits,
        held: conn.held,
        owner: conn.owner,
        turns: turns::turns(conn, traffic.data_segs_in, traffic.data_segs_out),
        local_port: conn.local_port,
        remote_port: sk.remote_port(),
        errno: errno,
        direction: conn.direction,
        reason: conn.reason,
        flags: conn.flags & !flag::READ | turns::exact_flag(conn, traffic.bytes_received),
        last_state: last_state,
        protocol: conn.heard.talk.protocol,
        pad: [0; 5],
    }
    reserved.publish();
}
