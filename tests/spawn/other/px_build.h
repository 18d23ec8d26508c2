/* Instead of the generated one, for programs of another build of the same version. */
#define PX_BUILD "0123456789abcdef0123456789abcdef"
