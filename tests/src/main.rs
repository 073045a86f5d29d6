//! The program itself; beside that, a way to see what becomes of the terminal when it breaks down.

fn main() -> std::process::ExitCode {
    if let Some(how) = std::env::var_os("UNDER_TEST_BREAK") {
        break_down(how == "abort");
    }
    tcpreuse::app::main()
}

#[expect(clippy::panic, clippy::expect_used, reason = "what is to be tested")]
fn break_down(abort: bool) {
    let _screen = tcpreuse::view::terminal::Screen::take().expect("a terminal");
    if abort {
        // As when memory or the stack runs out.
        std::process::abort();
    }
    panic!("on purpose");
}
