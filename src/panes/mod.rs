//! One folder per screen, and the registry.
