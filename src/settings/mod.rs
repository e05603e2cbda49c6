//! What the user chose: flags over environment over `config.toml` over the embedded pair.
