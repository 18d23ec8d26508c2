/* A shared object that is no module: PROCS_MODULE; is missing. */
int spawn_silent(void);

int spawn_silent(void)
{
	return 1;
}
