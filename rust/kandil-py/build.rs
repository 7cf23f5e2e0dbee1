//! Copies `profiles/*.toml` into `OUT_DIR/_profiles`, from where the wheel takes them.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let source = Path::new("../../profiles");
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("_profiles");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", source.display());
    if target.exists() {
        fs::remove_dir_all(&target)?; // a profile that was renamed must not live on
    }
    fs::create_dir_all(&target)?;
    for entry in fs::read_dir(source)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_name().expect("a file in a folder has a name");
            fs::copy(&path, target.join(name))?;
        }
    }
    Ok(())
}
