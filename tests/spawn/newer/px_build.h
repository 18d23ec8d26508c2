/* Instead of the generated one, for programs of another version. It is included behind
 * the public headers. */
#define PX_BUILD "0123456789abcdef0123456789abcdef"
#undef PROCS_VERSION
#define PROCS_VERSION "99.0.0"
