/*
 * task_macros.h - the machinery behind the macros of task.h and procs.h.
 *
 * Nothing here is to be used by name. How it works: an expansion of PROCS_DEFINE
 * begins with one declaration that declares both the user's function and a
 * second one, procs_find_<name>, of the same type of result, so that a `static`
 * in front gives both the same linkage; through the second every file finds the
 * descriptor. Structs of the arguments (by value for procs_proc, by pointer for
 * procs_pmap) make compound literals with designators possible, which is how
 * arguments can be given by name.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PROCS_TASK_MACROS_H
#define PROCS_TASK_MACROS_H

#define PROCS_CODE_VOID '-'
#define PROCS_CODE_STRUCT '('
#define PROCS_CODE_BYTES 'B'
#define PROCS_CODE_RAW 'R'

/* Enters a descriptor into the registry of its program or shared object: the address
 * of it lies in a section, whose bounds the linker knows; see worker.h. Never the
 * descriptor itself, between which linkers may pad. */
#define PROCS_ENTER_(name, descriptor)                                         \
	PROCS_ENTRY_("procs_tasks")                                            \
	static const struct procs_function *const procs_task_at_##name = &descriptor;
#define PROCS_ENTRY_(name) __attribute__((used, retain, section(name)))

#ifndef __cplusplus

# define PROCS_CODE_OF_(value)                                                 \
	_Generic((value),                                                      \
		_Bool: 'b',                                                    \
		char: 'c',                                                     \
		signed char: 'a',                                              \
		unsigned char: 'h',                                            \
		short: 'j',                                                    \
		unsigned short: 'v',                                           \
		int: 'i',                                                      \
		unsigned: 'u',                                                 \
		long: sizeof(long) == 8 ? 'I' : 'i',                           \
		unsigned long: sizeof(long) == 8 ? 'U' : 'u',                  \
		long long: 'I',                                                \
		unsigned long long: 'U',                                       \
		float: 'e',                                                    \
		double: 'f',                                                   \
		long double: 'g',                                              \
		float _Complex: 'x',                                           \
		double _Complex: 'y',                                          \
		long double _Complex: 'z',                                     \
		char *: 's',                                                   \
		const char *: 's',                                             \
		struct procs_bytes: PROCS_CODE_BYTES,                          \
		default: PROCS_CODE_STRUCT)

/* 12 is gcc's and clang's class of a struct: what is neither a known type nor a
 * struct is a pointer, a union or an extended integer. */
# define PROCS_TRAVELS_(T)                                                     \
	(PROCS_CODE(T) != PROCS_CODE_STRUCT || __builtin_classify_type(*(T *)0) == 12)

# define PROCS_CAT_(a, b) a##b
# define PROCS_CAT(a, b) PROCS_CAT_(a, b)

/* 1 if R is spelled void, else 0. */
# define PROCS_SECOND_(a, b, ...) b
# define PROCS_SECOND(...) PROCS_SECOND_(__VA_ARGS__)
# define PROCS_IS_void 0, 1
# define PROCS_IS_VOID(R) PROCS_SECOND(PROCS_IS_##R, 0, 0)

/* How many words follow, from 1 to 33. */
# define PROCS_COUNT(...)                                                      \
	PROCS_COUNT_(__VA_ARGS__, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23,  \
		     22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, \
		     7, 6, 5, 4, 3, 2, 1, 0)
# define PROCS_COUNT_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13,  \
		      a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24,   \
		      a25, a26, a27, a28, a29, a30, a31, a32, a33, n, ...)     \
	n

/* M(name, how many are left, T, a) for each pair. */
# define PROCS_EACH_2(M, N, T, a) M(N, 1, T, a)
# define PROCS_EACH_4(M, N, T, a, ...) M(N, 2, T, a) PROCS_EACH_2(M, N, __VA_ARGS__)
# define PROCS_EACH_6(M, N, T, a, ...) M(N, 3, T, a) PROCS_EACH_4(M, N, __VA_ARGS__)
# define PROCS_EACH_8(M, N, T, a, ...) M(N, 4, T, a) PROCS_EACH_6(M, N, __VA_ARGS__)
# define PROCS_EACH_10(M, N, T, a, ...) M(N, 5, T, a) PROCS_EACH_8(M, N, __VA_ARGS__)
# define PROCS_EACH_12(M, N, T, a, ...) M(N, 6, T, a) PROCS_EACH_10(M, N, __VA_ARGS__)
# define PROCS_EACH_14(M, N, T, a, ...) M(N, 7, T, a) PROCS_EACH_12(M, N, __VA_ARGS__)
# define PROCS_EACH_16(M, N, T, a, ...) M(N, 8, T, a) PROCS_EACH_14(M, N, __VA_ARGS__)
# define PROCS_EACH_18(M, N, T, a, ...) M(N, 9, T, a) PROCS_EACH_16(M, N, __VA_ARGS__)
# define PROCS_EACH_20(M, N, T, a, ...) M(N, 10, T, a) PROCS_EACH_18(M, N, __VA_ARGS__)
# define PROCS_EACH_22(M, N, T, a, ...) M(N, 11, T, a) PROCS_EACH_20(M, N, __VA_ARGS__)
# define PROCS_EACH_24(M, N, T, a, ...) M(N, 12, T, a) PROCS_EACH_22(M, N, __VA_ARGS__)
# define PROCS_EACH_26(M, N, T, a, ...) M(N, 13, T, a) PROCS_EACH_24(M, N, __VA_ARGS__)
# define PROCS_EACH_28(M, N, T, a, ...) M(N, 14, T, a) PROCS_EACH_26(M, N, __VA_ARGS__)
# define PROCS_EACH_30(M, N, T, a, ...) M(N, 15, T, a) PROCS_EACH_28(M, N, __VA_ARGS__)
# define PROCS_EACH_32(M, N, T, a, ...) M(N, 16, T, a) PROCS_EACH_30(M, N, __VA_ARGS__)

/* The same with commas between. */
# define PROCS_LIST_2(M, N, T, a) M(N, 1, T, a)
# define PROCS_LIST_4(M, N, T, a, ...) M(N, 2, T, a), PROCS_LIST_2(M, N, __VA_ARGS__)
# define PROCS_LIST_6(M, N, T, a, ...) M(N, 3, T, a), PROCS_LIST_4(M, N, __VA_ARGS__)
# define PROCS_LIST_8(M, N, T, a, ...) M(N, 4, T, a), PROCS_LIST_6(M, N, __VA_ARGS__)
# define PROCS_LIST_10(M, N, T, a, ...) M(N, 5, T, a), PROCS_LIST_8(M, N, __VA_ARGS__)
# define PROCS_LIST_12(M, N, T, a, ...) M(N, 6, T, a), PROCS_LIST_10(M, N, __VA_ARGS__)
# define PROCS_LIST_14(M, N, T, a, ...) M(N, 7, T, a), PROCS_LIST_12(M, N, __VA_ARGS__)
# define PROCS_LIST_16(M, N, T, a, ...) M(N, 8, T, a), PROCS_LIST_14(M, N, __VA_ARGS__)

# define PROCS_PARAMETER_(N, left, T, a) T a
# define PROCS_MEMBER_(N, left, T, a) T a;
# define PROCS_POINTER_(N, left, T, a) const __typeof__(T) *a;
# define PROCS_ALLOWED_(N, left, T, a)                                         \
	_Static_assert(PROCS_TRAVELS_(T), "procs: argument " #a " of " #N      \
		       " has a type that cannot travel: " #T);
# define PROCS_ARGUMENT_(N, left, T, a)                                        \
	{ #a, { #T, sizeof(T), PROCS_CODE(T) },                                \
	  offsetof(struct procs_arguments_##N, a), 1 },
# define PROCS_LOAD_(N, left, T, a)                                            \
	*(const __typeof__(T) *)(const void *)                                 \
		(procs_l->argument[procs_arity_##N - left] +                   \
		 procs_k * procs_l->stride[procs_arity_##N - left])

# define PROCS_DECLARE0(R, name)                                               \
	PROCS_DECLARE_(R, name, 0, (void), char procs_none;, char procs_none;, )
# define PROCS_DECLARE_N_(m, n, R, name, ...)                                  \
	PROCS_DECLARE_(R, name, n,                                             \
		       (PROCS_LIST_##m(PROCS_PARAMETER_, name, __VA_ARGS__)),  \
		       PROCS_EACH_##m(PROCS_MEMBER_, name, __VA_ARGS__),       \
		       PROCS_EACH_##m(PROCS_POINTER_, name, __VA_ARGS__),      \
		       PROCS_EACH_##m(PROCS_ALLOWED_, name, __VA_ARGS__))
# define PROCS_DECLARE1(...) PROCS_DECLARE_N_(2, 1, __VA_ARGS__)
# define PROCS_DECLARE2(...) PROCS_DECLARE_N_(4, 2, __VA_ARGS__)
# define PROCS_DECLARE3(...) PROCS_DECLARE_N_(6, 3, __VA_ARGS__)
# define PROCS_DECLARE4(...) PROCS_DECLARE_N_(8, 4, __VA_ARGS__)
# define PROCS_DECLARE5(...) PROCS_DECLARE_N_(10, 5, __VA_ARGS__)
# define PROCS_DECLARE6(...) PROCS_DECLARE_N_(12, 6, __VA_ARGS__)
# define PROCS_DECLARE7(...) PROCS_DECLARE_N_(14, 7, __VA_ARGS__)
# define PROCS_DECLARE8(...) PROCS_DECLARE_N_(16, 8, __VA_ARGS__)

# define PROCS_DECLARE_(R, name, n, parameters, members, pointers, checks)     \
	__typeof__(R) name parameters,                                         \
		procs_find_##name(const struct procs_function **) PROCS_UNUSED; \
	struct procs_arguments_##name {                                        \
		members                                                        \
	};                                                                     \
	struct procs_pointers_##name {                                         \
		pointers                                                       \
	};                                                                     \
	enum { procs_arity_##name = n };                                       \
	checks _Static_assert(sizeof(struct procs_arguments_##name) <=         \
				      PROCS_ARGUMENTS_MAX,                     \
			      "procs: the arguments of " #name                 \
			      " take more than 128 bytes");                    \
	PROCS_UNUSED static inline const struct procs_function                 \
		*procs_function_of_##name(void)                                \
	{                                                                      \
		const struct procs_function *procs_found;                      \
		procs_find_##name(&procs_found);                               \
		return procs_found;                                            \
	}                                                                      \
	PROCS_UNUSED static inline struct procs_spec procs_spec_of_##name(     \
		struct procs_arguments_##name procs_a)                         \
	{                                                                      \
		return procs_spec_make(procs_function_of_##name(), &procs_a,   \
				       sizeof(procs_a));                       \
	}                                                                      \
	struct procs_needs_semicolon

# define PROCS_BODY0(R, name)                                                  \
	PROCS_REGISTER_(R, name, NULL, 0, 0, , name())                         \
	__typeof__(R) name(void)
# define PROCS_BODY_N_(m, R, name, ...)                                        \
	PROCS_FIELDS_N_(m, name, __VA_ARGS__)                                  \
	PROCS_REGISTER_(R, name, procs_fields_of_##name,                       \
			sizeof(struct procs_arguments_##name), 0, ,            \
			name(PROCS_LIST_##m(PROCS_LOAD_, name, __VA_ARGS__)))  \
	__typeof__(R) name(PROCS_LIST_##m(PROCS_PARAMETER_, name, __VA_ARGS__))
# define PROCS_BODY1(...) PROCS_BODY_N_(2, __VA_ARGS__)
# define PROCS_BODY2(...) PROCS_BODY_N_(4, __VA_ARGS__)
# define PROCS_BODY3(...) PROCS_BODY_N_(6, __VA_ARGS__)
# define PROCS_BODY4(...) PROCS_BODY_N_(8, __VA_ARGS__)
# define PROCS_BODY5(...) PROCS_BODY_N_(10, __VA_ARGS__)
# define PROCS_BODY6(...) PROCS_BODY_N_(12, __VA_ARGS__)
# define PROCS_BODY7(...) PROCS_BODY_N_(14, __VA_ARGS__)
# define PROCS_BODY8(...) PROCS_BODY_N_(16, __VA_ARGS__)

# define PROCS_FIELDS_N_(m, name, ...)                                         \
	static const struct procs_field procs_fields_of_##name[] = {           \
		PROCS_EACH_##m(PROCS_ARGUMENT_, name, __VA_ARGS__)             \
	};

/* The loop and the descriptor; `blocks` is what the loop does first. */
# define PROCS_REGISTER_(R, name, fields, fields_size, block, blocks, call)    \
	PROCS_CAT(PROCS_RESULT_, PROCS_IS_VOID(R))(R, name, blocks, call)      \
	PROCS_DESCRIBE_(R, name, fields, fields_size, procs_loop_of_##name, block) \
	PROCS_ENTER_(name, procs_typed_##name)                                 \
	PROCS_FIND_(R, name)

/* A task that only others have. */
# define PROCS_REMOTE_0_(R, name)                                              \
	PROCS_DESCRIBE_(R, name, NULL, 0, procs_absent, 0)                     \
	PROCS_FIND_(R, name)                                                   \
	struct procs_needs_semicolon
# define PROCS_REMOTE_N_(m, R, name, ...)                                      \
	PROCS_FIELDS_N_(m, name, __VA_ARGS__)                                  \
	PROCS_DESCRIBE_(R, name, procs_fields_of_##name,                       \
			sizeof(struct procs_arguments_##name), procs_absent, 0) \
	PROCS_FIND_(R, name)                                                   \
	struct procs_needs_semicolon

# define PROCS_DESCRIBE_(R, name, fields, fields_size, loop, block)            \
	static const struct procs_function procs_typed_##name = {              \
		sizeof(struct procs_function), #name,                          \
		procs_arity_##name, fields_size, fields,                       \
		PROCS_CAT(PROCS_TYPE_, PROCS_IS_VOID(R))(R),                   \
		loop, NULL,                                                    \
		__start_procs_structs, __stop_procs_structs, block             \
	};
# define PROCS_FIND_(R, name)                                                  \
	__typeof__(R) procs_find_##name(const struct procs_function **procs_out) \
	{                                                                      \
		*procs_out = &procs_typed_##name;                              \
		PROCS_CAT(PROCS_RETURN_, PROCS_IS_VOID(R))(R)                  \
	}

# define PROCS_TYPE_0(R) { #R, sizeof(R), PROCS_CODE(R) }
# define PROCS_TYPE_1(R) { "void", 0, PROCS_CODE_VOID }
# define PROCS_RETURN_0(R)                                                     \
	static R procs_nothing;                                                \
	return procs_nothing;
# define PROCS_RETURN_1(R)

/* The loop stores which item runs before each: one release store an item, so
 * that a death blames this item and no other. */
# define PROCS_RESULT_0(R, name, blocks, call)                                 \
	_Static_assert(PROCS_TRAVELS_(R), "procs: the result of " #name        \
		       " has a type that cannot travel: " #R);                 \
	PROCS_LOOP_(name, blocks, const __typeof__(R) procs_r = call;          \
		    if (procs_l->failed) break;                                \
		    memcpy(procs_l->out + procs_k * procs_l->out_stride,       \
			   &procs_r, sizeof(procs_r)))
# define PROCS_RESULT_1(R, name, blocks, call)                                 \
	PROCS_LOOP_(name, blocks, call; if (procs_l->failed) break)
# define PROCS_LOOP_(name, blocks, run)                                        \
	static void procs_loop_of_##name(struct procs_loop *procs_l)           \
	{                                                                      \
		uint64_t procs_k = procs_l->next;                              \
		blocks                                                         \
		for (; procs_k < procs_l->end; procs_k++) {                    \
			PROCS_RUNS_(procs_l, procs_k);                         \
			run;                                                   \
		}                                                              \
		procs_l->next = procs_k;                                       \
	}
# define PROCS_RUNS_(loop, item)                                               \
	atomic_store_explicit((_Atomic uint64_t *)(loop)->progress,            \
			      (item) << 1 | 1, memory_order_release)

/*
 * PROCS_PURE. The loop first runs blocks: one store of progress, and a call of
 * a function over restrict arrays whose number of iterations is a constant,
 * which is what gcc 12 vectorizes at -O2. The body has to be inlined there. For
 * gcc it is declared inline: after the prototype it is an ordinary function all
 * the same, but then gcc inlines also what is not tiny, and with -fPIC looks into
 * it, though another function of that name may be put in its place. clang does both
 * anyway, and would complain of static variables in it.
 */
# ifdef __clang__
#  define PROCS_INLINE_
# else
#  define PROCS_INLINE_ inline
# endif

# define PROCS_PURE_BODY0(R, name)                                             \
	PROCS_PURE_(R, name, , , , NULL, 0, name(), name())                    \
	PROCS_INLINE_ __typeof__(R) name(void)
# define PROCS_PURE_BODY_N_(m, R, name, ...)                                   \
	PROCS_FIELDS_N_(m, name, __VA_ARGS__)                                  \
	PROCS_PURE_(R, name, PROCS_EACH_##m(PROCS_ARRAY_, name, __VA_ARGS__),  \
		    PROCS_EACH_##m(PROCS_ROWS_, name, __VA_ARGS__),            \
		    PROCS_EACH_##m(PROCS_FROM_, name, __VA_ARGS__),            \
		    procs_fields_of_##name,                                    \
		    sizeof(struct procs_arguments_##name),                     \
		    name(PROCS_LIST_##m(PROCS_ELEMENT_, name, __VA_ARGS__)),   \
		    name(PROCS_LIST_##m(PROCS_LOAD_, name, __VA_ARGS__)))      \
	PROCS_INLINE_ __typeof__(R) name(                                      \
		PROCS_LIST_##m(PROCS_PARAMETER_, name, __VA_ARGS__))
# define PROCS_PURE_BODY1(...) PROCS_PURE_BODY_N_(2, __VA_ARGS__)
# define PROCS_PURE_BODY2(...) PROCS_PURE_BODY_N_(4, __VA_ARGS__)
# define PROCS_PURE_BODY3(...) PROCS_PURE_BODY_N_(6, __VA_ARGS__)
# define PROCS_PURE_BODY4(...) PROCS_PURE_BODY_N_(8, __VA_ARGS__)
# define PROCS_PURE_BODY5(...) PROCS_PURE_BODY_N_(10, __VA_ARGS__)
# define PROCS_PURE_BODY6(...) PROCS_PURE_BODY_N_(12, __VA_ARGS__)
# define PROCS_PURE_BODY7(...) PROCS_PURE_BODY_N_(14, __VA_ARGS__)
# define PROCS_PURE_BODY8(...) PROCS_PURE_BODY_N_(16, __VA_ARGS__)

/* Of a block's function: a parameter, and what its iteration takes from it. */
# define PROCS_ARRAY_(N, left, T, a) , const __typeof__(T) *__restrict a
# define PROCS_ELEMENT_(N, left, T, a) a[procs_i]
/* Of its call: whether this argument's elements lie as an array, and where. */
# define PROCS_ROWS_(N, left, T, a)                                            \
	&& PROCS_IN_ROWS_(T, procs_l->argument[procs_arity_##N - left],        \
			  procs_l->stride[procs_arity_##N - left])
# define PROCS_FROM_(N, left, T, a)                                            \
	, (const void *)(procs_l->argument[procs_arity_##N - left] +           \
			 procs_k * sizeof(T))
# define PROCS_IN_ROWS_(T, at, distance)                                       \
	((distance) == sizeof(T) && (uintptr_t)(at) % _Alignof(T) == 0)

# define PROCS_PURE_(R, name, arrays, rows, from, fields, fields_size, element, call) \
	__attribute__((noinline)) static void procs_block_of_##name(           \
		__typeof__(R) *__restrict procs_out arrays)                    \
	{                                                                      \
		for (int procs_i = 0; procs_i < PROCS_BLOCK_ITEMS; procs_i++)  \
			PROCS_CAT(PROCS_STORE_, PROCS_IS_VOID(R)) element;     \
		(void)procs_out;                                               \
	}                                                                      \
	PROCS_REGISTER_(                                                       \
		R, name, fields, fields_size, PROCS_BLOCK_ITEMS,               \
		if (PROCS_MAY_BLOCK_(procs_l)                                  \
		    PROCS_CAT(PROCS_OUT_ROWS_, PROCS_IS_VOID(R))(R) rows)      \
		while (procs_l->end - procs_k >= PROCS_BLOCK_ITEMS) {          \
			PROCS_RUNS_(procs_l, procs_k);                         \
			PROCS_BLOCK_BEGINS_(procs_l);                          \
			procs_block_of_##name(                                 \
				(void *)(procs_l->out +                        \
					 procs_k * procs_l->out_stride) from); \
			PROCS_BLOCK_ENDS_(procs_l);                            \
			if (!procs_l->blocks) break;                           \
			procs_k += PROCS_BLOCK_ITEMS;                          \
		},                                                             \
		call)

# define PROCS_STORE_0 procs_out[procs_i] =
# define PROCS_STORE_1
# define PROCS_OUT_ROWS_0(R) && PROCS_IN_ROWS_(R, procs_l->out, procs_l->out_stride)
# define PROCS_OUT_ROWS_1(R)

/* An older library knows nothing of blocks. */
# define PROCS_MAY_BLOCK_(loop)                                                \
	((loop)->size > offsetof(struct procs_loop, in_block) && (loop)->blocks)
/* Also for a signal handler that asks for procs_index in between. */
# define PROCS_BLOCK_BEGINS_(loop)                                             \
	do {                                                                   \
		(loop)->in_block = 1;                                          \
		atomic_signal_fence(memory_order_seq_cst);                     \
	} while (0)
# define PROCS_BLOCK_ENDS_(loop)                                               \
	do {                                                                   \
		atomic_signal_fence(memory_order_seq_cst);                     \
		(loop)->in_block = 0;                                          \
		(loop)->blocks = !(loop)->failed;                              \
		(loop)->failed = 0;                                            \
	} while (0)

/* The element's type must be the field's own, or that of its elements; a
 * pointer to it is neither. */
# define PROCS_FIELD_(S, left, T, a)                                           \
	{ #a, { #T, sizeof(T), PROCS_CODE(T) }, offsetof(S, a),                \
	  sizeof(((S *)0)->a) / sizeof(T) *                                    \
		  sizeof(char[_Generic(((S *)0)->a, T: 1, __typeof__(T) *: 1)]) * \
		  sizeof(char[_Generic(&((S *)0)->a, __typeof__(T) * *: -1,    \
				       default: 1)]) },
# define PROCS_STRUCT_(id, S, ...) PROCS_STRUCT_ID_(id, S, __VA_ARGS__)
# define PROCS_STRUCT_ID_(id, S, ...)                                          \
	PROCS_CAT(PROCS_EACH_, PROCS_COUNT(__VA_ARGS__))                       \
	(PROCS_ALLOWED_, S, __VA_ARGS__)                                       \
	static const struct procs_field procs_fields_##id[] = {                \
		PROCS_CAT(PROCS_EACH_, PROCS_COUNT(__VA_ARGS__))               \
		(PROCS_FIELD_, S, __VA_ARGS__)                                 \
	};                                                                     \
	static const struct procs_struct procs_struct_##id = {                 \
		sizeof(struct procs_struct), #S, sizeof(S),                    \
		sizeof(procs_fields_##id) / sizeof(procs_fields_##id[0]),      \
		procs_fields_##id                                              \
	};                                                                     \
	PROCS_ENTRY_("procs_structs")                                          \
	static const struct procs_struct *const procs_struct_at_##id =         \
		&procs_struct_##id

#endif /* C */

#endif /* PROCS_TASK_MACROS_H */
