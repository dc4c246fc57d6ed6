// Tells LLVM's profile runtime what kind of counts these are: of LLVM's own representation, taken when the program was linked. A compiler
// that counts from the start defines it by itself; where only the linker counts nobody does.
// Version 10 of the raw format, which is that of the Swift 6.3 toolchain; bits 56 and 57 are VARIANT_MASK_IR_PROF and
// VARIANT_MASK_CSIR_PROF of llvm/ProfileData/InstrProfData.inc.
const unsigned long long __llvm_profile_raw_version = 10ULL | (1ULL << 56) | (1ULL << 57);
