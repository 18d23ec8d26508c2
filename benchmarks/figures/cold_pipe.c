/* The same by hand: two forks, two pipes. */
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int ends[2][2], value, sum = 0;
	const int xs[] = { 20, 1 };
	pid_t pids[2];

	for (int i = 0; i < 2; i++) {
		if (pipe(ends[i]) != 0)
			return 9;
		pids[i] = fork();
		if (pids[i] == 0) {
			value = 2 * xs[i];
			_exit(write(ends[i][1], &value, sizeof(value)) != sizeof(value));
		}
		close(ends[i][1]);
	}
	for (int i = 0; i < 2; i++) {
		if (read(ends[i][0], &value, sizeof(value)) == sizeof(value))
			sum += value;
		close(ends[i][0]);
		waitpid(pids[i], NULL, 0);
	}
	return sum == 42 ? 0 : 9;
}
