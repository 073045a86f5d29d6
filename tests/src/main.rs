//! The program itself; beside that, a way to see what becomes of the terminal when it breaks down.

fn main() -> std::process::ExitCode {
    if std::env::var_os("UNDER_TEST_PANIC").is_some() {
        break_down();
    }
    tcpreuse::main()
}

#[expect(clippy::panic, clippy::expect_used, reason = "what is to be tested")]
fn break_down() {
    let _screen = tcpreuse::testing::view::terminal::Screen::take().expect("a terminal");
    panic!("on purpose");
}
