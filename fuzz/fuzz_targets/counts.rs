#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| scaletop::fuzzing::counts(data));
