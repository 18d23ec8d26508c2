/* What somebody else would have a program load. */
#include <unistd.h>

__attribute__((constructor)) static void tell(void)
{
	(void)!write(STDERR_FILENO, "planted\n", 8);
}
