//! Migrations of the two schemas.
