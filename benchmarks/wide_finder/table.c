/*
 * table.c - how often each page was fetched: pages in the order in which they
 * came, found through an open-addressing index.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "wide_finder.h"

struct page_slot {
	uint32_t tag;  /* of the page's hash, so that others are seldom looked at */
	uint32_t page; /* its number, from 1; 0: free */
};

enum {
	FIRST_SLOTS = 1024
};

/* Of a page on its way from worker to parent; its name follows. */
struct packed {
	uint64_t count;
	uint64_t length;
};

static uint64_t seed;

void table_seed(void)
{
	if (seed == 0 && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uint64_t)time(NULL);
}

static uint64_t word_at(const char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

/* By words; the last one overlaps the one before it. */
static uint64_t hash_of(const char *name, size_t length)
{
	uint64_t hash = mix(seed, length);
	uint64_t last = 0;

	if (length < sizeof(last)) {
		for (size_t i = 0; i < length; i++)
			last = last << 8 | (unsigned char)name[i];
		return mix(mix(hash, last), seed);
	}
	for (size_t i = 0; i + sizeof(last) < length; i += sizeof(last))
		hash = mix(hash, word_at(name + i));
	return mix(mix(hash, word_at(name + length - sizeof(last))), seed);
}

/* The slot of this page, or the free one where it belongs. */
static struct page_slot *slot_of(const struct table *table, uint64_t hash, const char *name,
				 size_t length)
{
	const size_t mask = table->n_slots - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct page_slot *slot = &table->slots[i];
		const struct page *page;

		if (slot->page == 0)
			return slot;
		if (slot->tag != (uint32_t)(hash >> 32))
			continue;
		page = &table->pages[slot->page - 1];
		if (page->length == length && memcmp(table->names + page->at, name, length) == 0)
			return slot;
	}
}

/* Twice as many slots, or the first ones. */
static bool grow_slots(struct table *table)
{
	const size_t n_slots = table->n_slots > 0 ? 2 * table->n_slots : FIRST_SLOTS;
	struct page_slot *slots = calloc(n_slots, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (size_t k = 0; k < table->n; k++) {
		const uint64_t hash = table->pages[k].hash;
		size_t i = hash & (n_slots - 1);

		while (slots[i].page != 0)
			i = (i + 1) & (n_slots - 1);
		slots[i] = (struct page_slot){ (uint32_t)(hash >> 32), (uint32_t)(k + 1) };
	}
	free(table->slots);
	table->slots = slots;
	table->n_slots = n_slots;
	return true;
}

static bool grow_pages(struct table *table)
{
	const size_t room = table->room > 0 ? 2 * table->room : FIRST_SLOTS / 2;
	struct page *pages =
		room < UINT32_MAX ? reallocarray(table->pages, room, sizeof(*pages)) : NULL;

	if (pages == NULL)
		return false;
	table->pages = pages;
	table->room = room;
	return true;
}

static bool grow_names(struct table *table, size_t length)
{
	const size_t room = 2 * table->names_room + length + 4096;
	char *names = realloc(table->names, room);

	if (names == NULL)
		return false;
	table->names = names;
	table->names_room = room;
	return true;
}

bool table_add(struct table *table, const char *name, size_t length, uint64_t count)
{
	const uint64_t hash = hash_of(name, length);
	struct page_slot *slot;

	if (2 * (table->n + 1) > table->n_slots && !grow_slots(table))
		return false;
	slot = slot_of(table, hash, name, length);
	if (slot->page != 0) {
		table->pages[slot->page - 1].count += count;
		return true;
	}
	if (table->n == table->room && !grow_pages(table))
		return false;
	/* Always some room, so that names is never NULL, not even for "". */
	if (table->names_room - table->names_size <= length && !grow_names(table, length))
		return false;
	memcpy(table->names + table->names_size, name, length);
	table->pages[table->n++] = (struct page){
		.count = count, .hash = hash, .at = table->names_size, .length = length
	};
	table->names_size += length;
	*slot = (struct page_slot){ (uint32_t)(hash >> 32), (uint32_t)table->n };
	return true;
}

void table_clear(struct table *table)
{
	if (table->n > 0)
		memset(table->slots, 0, table->n_slots * sizeof(*table->slots));
	table->n = 0;
	table->names_size = 0;
}

void table_free(struct table *table)
{
	free(table->pages);
	free(table->names);
	free(table->slots);
	*table = (struct table){ 0 };
}

size_t table_packed_size(const struct table *table)
{
	return table->n * sizeof(struct packed) + table->names_size;
}

void table_pack(const struct table *table, void *bytes)
{
	char *at = bytes;

	for (size_t k = 0; k < table->n; k++) {
		const struct page *page = &table->pages[k];
		const struct packed packed = { page->count, page->length };

		memcpy(at, &packed, sizeof(packed));
		memcpy(at + sizeof(packed), table->names + page->at, page->length);
		at += sizeof(packed) + page->length;
	}
}

int table_merge(struct table *table, const void *bytes, size_t size)
{
	const char *at = bytes;
	const char *end = at + size;
	struct packed packed;

	for (; at < end; at += packed.length) {
		if ((size_t)(end - at) < sizeof(packed))
			return EBADMSG;
		memcpy(&packed, at, sizeof(packed));
		at += sizeof(packed);
		if (packed.length > (size_t)(end - at))
			return EBADMSG;
		if (!table_add(table, at, packed.length, packed.count))
			return ENOMEM;
	}
	return 0;
}

/* What `sort -k2,2` takes of a name: leading blanks, then up to the next one. */
static size_t key_length(const char *name, size_t length)
{
	size_t i = 0;

	while (i < length && (name[i] == ' ' || name[i] == '\t'))
		i++;
	while (i < length && name[i] != ' ' && name[i] != '\t')
		i++;
	return i;
}

static int compare_bytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
	const int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

	return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* As `LC_ALL=C sort -k1,1nr -k2,2`: names that agree in their key go by all of
 * their bytes. */
static int compare(const void *one, const void *other, void *names)
{
	const struct page *a = one, *b = other;
	const char *a_name = (const char *)names + a->at, *b_name = (const char *)names + b->at;
	int order;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	order = compare_bytes(a_name, key_length(a_name, a->length), b_name,
			      key_length(b_name, b->length));
	return order != 0 ? order : compare_bytes(a_name, a->length, b_name, b->length);
}

void table_print(struct table *table, uint64_t most, FILE *out)
{
	if (table->n > 0)
		qsort_r(table->pages, table->n, sizeof(*table->pages), compare, table->names);
	for (size_t k = 0; k < table->n && k < most; k++) {
		const struct page *page = &table->pages[k];

		fprintf(out, "%7llu ", (unsigned long long)page->count);
		fwrite(table->names + page->at, 1, page->length, out);
		putc('\n', out);
	}
}
