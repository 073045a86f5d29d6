//! The program under test: the same entry point as the binary `tcpreuse`.

fn main() -> std::process::ExitCode {
    tcpreuse::app::main()
}
