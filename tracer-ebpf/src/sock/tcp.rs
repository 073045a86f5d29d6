//! What a `struct tcp_sock` tells: traffic, sequence numbers, and when data last moved.

use aya_ebpf::helpers::generated::bpf_jiffies64;

use super::{Sock, TcpSock, has, load};

/// The kernel's timer ticks (jiffies), of which sockets keep the lower 32 bits. These wrap.
#[inline(always)]
fn now_ticks() -> u32 {
    // SAFETY: the helper only reads a clock.
    unsafe { bpf_jiffies64() as u32 }
}

/// Timer ticks since the later of two moments. No `Option` for one that the kernel does not tell: of `None`
/// the compiler may move the part that was never written, which the verifier does not let pass.
#[inline(always)]
fn ticks_since_later(one: u32, other: u32) -> u32 {
    let now = now_ticks();
    now.wrapping_sub(one).min(now.wrapping_sub(other))
}

impl TcpSock {
    /// The same socket, for the members that every socket has.
    #[inline(always)]
    pub(crate) fn sock(self) -> Sock {
        Sock(self.0)
    }

    /// Payload received and sent, bytes; retransmitted payload, of `retransmits` segments, counts once. The
    /// kernel's count of received bytes includes the FIN, which is taken out.
    #[inline(always)]
    pub(crate) fn bytes(self, sk: Sock, retransmits: u32) -> (u64, u64) {
        let received = load!(self => tcp_sock.bytes_received: u64 or 0);
        let fin = u64::from(sk.fin_received() && received > 0);
        let sent = load!(self => tcp_sock.bytes_sent: u64 or 0);
        (
            received - fin,
            if retransmits == 0 && has!(tcp_sock.total_retrans) {
                sent
            } else {
                sent.wrapping_sub(load!(self => tcp_sock.bytes_retrans: u64 or 0))
            },
        )
    }

    /// Data segments received and sent.
    #[inline(always)]
    pub(crate) fn data_segs(self) -> (u32, u32) {
        (
            load!(self => tcp_sock.data_segs_in: u32 or 0),
            load!(self => tcp_sock.data_segs_out: u32 or 0),
        )
    }

    /// End of what the process has written, as a sequence number.
    #[inline(always)]
    pub(crate) fn write_seq(self) -> u32 {
        load!(self => tcp_sock.write_seq: u32 or 0)
    }

    /// Bytes that the process has written and the other side has not acknowledged. Nothing, where the kernel
    /// does not say.
    #[inline(always)]
    pub(crate) fn in_flight(self) -> u32 {
        match load!(self => tcp_sock.snd_una: Option<u32>) {
            Some(acknowledged) => self.write_seq().wrapping_sub(acknowledged),
            None => 0,
        }
    }

    /// Bytes that were sent in all. Where the kernel does not say, something was.
    #[inline(always)]
    pub(crate) fn written_in_all(self) -> u32 {
        if has!(tcp_sock.bytes_sent) {
            load!(self => tcp_sock.bytes_sent: u64 or 0) as u32
        } else {
            1
        }
    }

    /// When the packet arrived or the timer expired that is changing the socket, ns: the clock as the kernel
    /// has read it for that. Reading it again is the most expensive thing a program can do. 0: unknown.
    #[inline(always)]
    pub(crate) fn event_ns(self) -> u64 {
        load!(self => tcp_sock.tcp_clock_cache: u64 or 0)
    }

    /// Retransmitted segments, SYNs included.
    #[inline(always)]
    pub(crate) fn retransmits(self) -> u32 {
        load!(self => tcp_sock.total_retrans: u32 or 0)
    }

    /// Smoothed round-trip time, µs; 0: not measured yet, or the kernel does not say.
    #[inline(always)]
    pub(crate) fn rtt_us(self) -> u32 {
        load!(self => tcp_sock.srtt_us: u32 or 0) >> 3
    }

    /// Time since the last data segment in either direction, in timer ticks; a connection without
    /// data counts from its handshake. 0 when the kernel does not tell.
    #[inline(always)]
    pub(crate) fn idle_ticks(self) -> u32 {
        if !has!(tcp_sock.lsndtime) || !has!(inet_connection_sock.icsk_ack.lrcvtime) {
            return 0;
        }
        ticks_since_later(self.sent_ticks(), self.received_ticks())
    }

    /// Timer ticks since anything was received, data or acknowledgement. 0 when the kernel does not tell.
    #[inline(always)]
    pub(crate) fn heard_ticks(self) -> u32 {
        if !has!(tcp_sock.rcv_tstamp) || !has!(inet_connection_sock.icsk_ack.lrcvtime) {
            return 0;
        }
        ticks_since_later(self.acknowledged_ticks(), self.received_ticks())
    }

    /// End of what has been received in order, as a sequence number; the FIN counts.
    #[inline(always)]
    pub(crate) fn next_seq(self) -> u32 {
        load!(self => tcp_sock.rcv_nxt: u32 or 0)
    }

    /// End of what the process has read, as a sequence number.
    #[inline(always)]
    pub(crate) fn copied_seq(self) -> u32 {
        load!(self => tcp_sock.copied_seq: u32 or 0)
    }

    /// Bytes that the process has read in all.
    #[inline(always)]
    pub(crate) fn read_in_all(self) -> u32 {
        let received = load!(self => tcp_sock.bytes_received: u64 or 0) as u32;
        let first = self.next_seq().wrapping_sub(received);
        self.copied_seq().wrapping_sub(first)
    }

    /// Timer ticks since a moment that is counted in them.
    #[inline(always)]
    pub(crate) fn ticks_since(self, ticks: u32) -> u32 {
        now_ticks().wrapping_sub(ticks)
    }

    /// When the last data segment was received, in timer ticks.
    #[inline(always)]
    pub(crate) fn received_ticks(self) -> u32 {
        load!(self => inet_connection_sock.icsk_ack.lrcvtime: u32 or 0)
    }

    /// Timer ticks since the last data segment was received; 0 when the kernel does not tell.
    #[inline(always)]
    pub(crate) fn since_received_ticks(self) -> u32 {
        match load!(self => inet_connection_sock.icsk_ack.lrcvtime: Option<u32>) {
            Some(received) => self.ticks_since(received),
            None => 0,
        }
    }

    /// When the last data segment was sent, in timer ticks.
    #[inline(always)]
    pub(crate) fn sent_ticks(self) -> u32 {
        load!(self => tcp_sock.lsndtime: u32 or 0)
    }

    /// Timer ticks since the last data segment was sent.
    #[inline(always)]
    pub(crate) fn since_sent_ticks(self) -> u32 {
        self.ticks_since(self.sent_ticks())
    }

    /// When the last acknowledgement was received, in timer ticks.
    #[inline(always)]
    pub(crate) fn acknowledged_ticks(self) -> u32 {
        load!(self => tcp_sock.rcv_tstamp: u32 or 0)
    }

    /// Timer ticks since the last acknowledgement was received.
    #[inline(always)]
    pub(crate) fn since_acknowledged_ticks(self) -> u32 {
        self.ticks_since(self.acknowledged_ticks())
    }

    /// The other side's TCP timestamp clock, as [`Live::clock`](tracer_ebpf::abi::live::Live::clock).
    #[inline(always)]
    pub(crate) fn remote_clock(self) -> u32 {
        let said = load!(self => tcp_sock.rx_opt.ts_recent: u32 or 0);
        // When it said so, monotonic clock, s.
        match load!(self => tcp_sock.rx_opt.ts_recent_stamp: u32 or 0) {
            0 => 0,
            at => said.wrapping_sub(at.wrapping_mul(1_000)).max(1),
        }
    }

    /// Whether the last data segment came from the other side. If both were in one timer tick, the answer
    /// counts as the later one.
    #[inline(always)]
    pub(crate) fn received_last(self) -> bool {
        let sent = load!(self => tcp_sock.lsndtime: Option<u32>);
        let received = load!(self => inet_connection_sock.icsk_ack.lrcvtime: Option<u32>);
        match (sent, received) {
            (Some(sent), Some(received)) => received.wrapping_sub(sent).cast_signed() > 0,
            _ => false,
        }
    }

    /// How often the oldest unacknowledged segment was retransmitted in vain, and the number of unanswered
    /// probes.
    #[inline(always)]
    pub(crate) fn in_vain(self) -> (u8, u8) {
        (
            load!(self => inet_connection_sock.icsk_retransmits: u8 or 0),
            load!(self => inet_connection_sock.icsk_probes_out: u8 or 0),
        )
    }

    /// Bytes that have arrived and that the process has not read, without a FIN.
    #[inline(always)]
    pub(crate) fn unread(self) -> u32 {
        let waiting = self
            .next_seq()
            .wrapping_sub(load!(self => tcp_sock.copied_seq: u32 or 0));
        waiting.wrapping_sub(u32::from(self.sock().fin_received() && waiting > 0))
    }
}
