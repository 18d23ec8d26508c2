#include "backend/symbols.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef PX_LIBDW
# include <elfutils/libdwfl.h>
#endif

#include "backend/local.h"
#include "base/clock.h"
#include "base/px.h"

#define PX_SEARCH_LONG (2 * PX_SECOND)

/* What the child is asked, and what it found: shared pages. */
struct px_search {
	_Atomic uint32_t adopted;
	uint32_t n;
	uint64_t address[PX_SYMBOLS_MOST];
	struct px_foreign foreign;
	struct px_symbol found[PX_SYMBOLS_MOST];
};

/* A name as its author knows it: the loop around a task is the task, and what
 * the compiler split off is the whole. */
static void px_say_name(struct px_symbol *symbol, const char *name)
{
	static const char loop[] = "procs_loop_of_";
	const size_t prefix = strncmp(name, loop, sizeof(loop) - 1) == 0 ? sizeof(loop) - 1 : 0;
	const int length = (int)strcspn(name + prefix, ".");

	snprintf(symbol->text, sizeof(symbol->text), "%.*s", length, name + prefix);
}

static void px_say_module(struct px_symbol *symbol, const char *path, uint64_t offset)
{
	const size_t length = strlen(symbol->text);
	const char *slash = strrchr(path, '/');

	snprintf(symbol->text + length, sizeof(symbol->text) - length, "%s(%s+0x%llx)",
		 length > 0 ? " " : "", slash != NULL ? slash + 1 : path,
		 (unsigned long long)offset);
}

/* What the dynamic linker knows: exported functions, and the module. */
static void px_find_exported(uint64_t address, const struct px_foreign *foreign,
			     struct px_symbol *symbol)
{
	Dl_info info;

	for (uint32_t i = 0; foreign != NULL && i < foreign->n; i++)
		if (address >= px_foreign_base(i) && address < px_foreign_base(i + 1))
			px_say_module(symbol, foreign->path[i], address - px_foreign_base(i));
	if (dladdr((const void *)(uintptr_t)address, &info) == 0 || info.dli_fname == NULL)
		return;
	if (symbol->text[0] == '\0' && info.dli_sname != NULL)
		px_say_name(symbol, info.dli_sname);
	px_say_module(symbol, info.dli_fname, address - (uintptr_t)info.dli_fbase);
}

#ifdef PX_LIBDW

/* libdw, loaded in the child alone. */
# define PX_LIBDW_CALLS(X)                                                                         \
  X(dwfl_begin)                                                                                    \
  X(dwfl_linux_proc_report)                                                                        \
  X(dwfl_report_elf)                                                                               \
  X(dwfl_report_end)                                                                               \
  X(dwfl_linux_proc_find_elf)                                                                      \
  X(dwfl_standard_find_debuginfo)                                                                  \
  X(dwfl_addrmodule)                                                                               \
  X(dwfl_module_addrname)                                                                          \
  X(dwfl_module_getsrc)                                                                            \
  X(dwfl_module_nextcu)                                                                            \
  X(dwfl_lineinfo)                                                                                 \
  X(dwarf_haspc)                                                                                   \
  X(dwarf_getsrc_die)                                                                              \
  X(dwarf_linesrc)                                                                                 \
  X(dwarf_lineno)

# define PX_MEMBER(name) __typeof__(name) *name;

struct px_libdw {
	PX_LIBDW_CALLS(PX_MEMBER)
};

static bool px_libdw_load(struct px_libdw *dw)
{
	void *library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);

	if (library == NULL)
		return false;
# define PX_LOAD(name)                                                                             \
  *(void **)&dw->name = dlsym(library, #name);                                                     \
  if (dw->name == NULL)                                                                            \
   return false;
	PX_LIBDW_CALLS(PX_LOAD)
	return true;
}

static void px_say_line(struct px_symbol *symbol, const char *file, int line)
{
	const size_t length = strlen(symbol->text);

	snprintf(symbol->text + length, sizeof(symbol->text) - length, "%s(%s:%d)",
		 length > 0 ? " " : "", file, line);
}

/* Where there is no table from addresses to units, which clang does not write:
 * each unit is asked. */
static const char *px_find_in_units(const struct px_libdw *dw, Dwfl_Module *module,
				    uint64_t address, int *number_out)
{
	Dwarf_Addr bias = 0;

	for (Dwarf_Die *unit = dw->dwfl_module_nextcu(module, NULL, &bias); unit != NULL;
	     unit = dw->dwfl_module_nextcu(module, unit, &bias)) {
		Dwarf_Line *line = NULL;

		if (dw->dwarf_haspc(unit, address - bias) == 1)
			line = dw->dwarf_getsrc_die(unit, address - bias);
		if (line != NULL && dw->dwarf_lineno(line, number_out) == 0)
			return dw->dwarf_linesrc(line, NULL, NULL);
	}
	return NULL;
}

static const char *px_find_line(const struct px_libdw *dw, Dwfl_Module *module, uint64_t address,
				int *number_out)
{
	Dwfl_Line *line = dw->dwfl_module_getsrc(module, address);

	return line != NULL ? dw->dwfl_lineinfo(line, NULL, number_out, NULL, NULL, NULL)
			    : px_find_in_units(dw, module, address, number_out);
}

static void px_find_one(const struct px_libdw *dw, Dwfl *dwfl, uint64_t address,
			const struct px_foreign *foreign, struct px_symbol *symbol)
{
	Dwfl_Module *module = dw->dwfl_addrmodule(dwfl, address);
	const char *name = module != NULL ? dw->dwfl_module_addrname(module, address) : NULL;
	const char *file = NULL;
	int number = 0;

	if (name != NULL)
		px_say_name(symbol, name);
	if (module != NULL)
		file = px_find_line(dw, module, address, &number);
	if (file != NULL)
		px_say_line(symbol, file, number);
	else
		px_find_exported(address, foreign, symbol);
}

/* A worker named them: what is no file would keep us waiting. */
static void px_report_foreign(const struct px_libdw *dw, Dwfl *dwfl,
			      const struct px_foreign *foreign)
{
	for (uint32_t i = 0; i < foreign->n; i++) {
		struct stat status;

		if (stat(foreign->path[i], &status) == 0 && S_ISREG(status.st_mode))
			(void)dw->dwfl_report_elf(dwfl, foreign->path[i], foreign->path[i], -1,
						  px_foreign_base(i), false);
	}
}

static bool px_find_by_libdw(struct px_search *search)
{
	/* Nothing is fetched over a network: the environment that would say from where is gone. */
	extern char **environ;
	static char *nothing[] = { NULL };
	static char *path = NULL;
	Dwfl_Callbacks callbacks = { .debuginfo_path = &path };
	struct px_libdw dw;
	Dwfl *dwfl;

	environ = nothing;
	if (!px_libdw_load(&dw))
		return false;
	callbacks.find_elf = dw.dwfl_linux_proc_find_elf;
	callbacks.find_debuginfo = dw.dwfl_standard_find_debuginfo;
	dwfl = dw.dwfl_begin(&callbacks);
	if (dwfl == NULL || dw.dwfl_linux_proc_report(dwfl, getpid()) != 0)
		return false;
	px_report_foreign(&dw, dwfl, &search->foreign);
	if (dw.dwfl_report_end(dwfl, NULL, NULL) != 0)
		return false;
	for (uint32_t i = 0; i < search->n; i++)
		px_find_one(&dw, dwfl, search->address[i], &search->foreign, &search->found[i]);
	return true;
}

#else

static bool px_find_by_libdw(struct px_search *search)
{
	(void)search;
	return false;
}

#endif

/* In the child. */
static void px_search_run(void *argument)
{
	struct px_search *search = argument;

	if (!px_find_by_libdw(search))
		for (uint32_t i = 0; i < search->n; i++)
			px_find_exported(search->address[i], &search->foreign, &search->found[i]);
}

void px_symbols_guess(const uint64_t *addresses, uint32_t n, const struct px_foreign *foreign,
		      struct px_symbol *symbols)
{
	for (uint32_t i = 0; i < n; i++) {
		symbols[i].text[0] = '\0';
		px_find_exported(addresses[i], foreign, &symbols[i]);
	}
}

bool px_symbols_find(const uint64_t *addresses, uint32_t n, const struct px_foreign *foreign,
		     struct px_symbol *symbols)
{
	struct px_search *search = px_pages_map(sizeof(*search));
	const uint64_t deadline = px_deadline(px_now(), PX_SEARCH_LONG);
	bool in_time;

	n = (uint32_t)px_min(n, PX_SYMBOLS_MOST);
	for (uint32_t i = 0; i < n; i++)
		symbols[i].text[0] = '\0';
	if (search == NULL) {
		px_symbols_guess(addresses, n, foreign, symbols);
		return false;
	}
	search->n = n;
	if (foreign != NULL)
		search->foreign = *foreign;
	memcpy(search->address, addresses, n * sizeof(*addresses));
	in_time = px_launch_helper(px_search_run, search, &search->adopted, deadline);
	for (uint32_t i = 0; i < n && in_time; i++) {
		symbols[i] = search->found[i];
		symbols[i].text[PX_SYMBOL_TEXT - 1] = '\0';
	}
	px_pages_unmap(search, sizeof(*search));
	if (!in_time)
		px_symbols_guess(addresses, n, foreign, symbols);
	return in_time;
}
