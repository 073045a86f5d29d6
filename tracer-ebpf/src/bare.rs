//! What a BPF object has to have, whatever its programs do.

/// Never reached: a reachable panic fails to load. The linker wants one all the same.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// `bpf_sk_storage_get` and `bpf_skc_to_tcp_sock` are for programs under a GPL-compatible licence.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
