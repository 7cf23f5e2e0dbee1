//! Checks `profiles/*.toml` and compiles them in, as `OUT_DIR/catalogue.rs`. A mistake ends the build.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use kandil_profiles::catalogue::Catalogue;

fn main() -> ExitCode {
    let folder = Path::new("../../profiles");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", folder.display());
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("catalogue.rs");
    match Catalogue::read(folder) {
        Ok(catalogue) => {
            fs::write(&target, catalogue.to_rust()).expect("cargo's OUT_DIR can be written");
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            for mistake in mistakes {
                println!("cargo::error=profiles/{mistake}");
            }
            ExitCode::FAILURE
        }
    }
}
