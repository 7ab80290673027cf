/* libclang's C API, found at run time. Only the C frontend's child process loads it: libclang brings its own libLLVM, which must not meet ours
   (dlopen with RTLD_LOCAL keeps them apart), and hone must work without it for .hone input. */
#ifndef HONE_COMPILER_CLANG_API_H
#define HONE_COMPILER_CLANG_API_H
#include <clang-c/Index.h>

/* All of these exist in libclang 17 … 22. */
#define CLANG_FUNCTIONS(F)                                                                                             \
  F(createIndex)                                                                                                       \
  F(disposeIndex)                                                                                                      \
  F(toggleCrashRecovery)                                                                                               \
  F(parseTranslationUnit2)                                                                                             \
  F(disposeTranslationUnit)                                                                                            \
  F(getNumDiagnostics)                                                                                                 \
  F(getDiagnostic)                                                                                                     \
  F(disposeDiagnostic)                                                                                                 \
  F(getDiagnosticSeverity)                                                                                             \
  F(getDiagnosticSpelling)                                                                                             \
  F(getDiagnosticLocation)                                                                                             \
  F(getDiagnosticOption)                                                                                               \
  F(getCString)                                                                                                        \
  F(disposeString)                                                                                                     \
  F(getFileLocation)                                                                                                   \
  F(getFileName)                                                                                                       \
  F(getTranslationUnitCursor)                                                                                          \
  F(visitChildren)                                                                                                     \
  F(equalCursors)                                                                                                      \
  F(hashCursor)                                                                                                        \
  F(isExpression)                                                                                                      \
  F(getCursorKind)                                                                                                     \
  F(getCursorKindSpelling)                                                                                             \
  F(getCursorType)                                                                                                     \
  F(getCursorSpelling)                                                                                                 \
  F(getCursorLocation)                                                                                                 \
  F(getCursorExtent)                                                                                                   \
  F(getRangeStart)                                                                                                     \
  F(getRangeEnd)                                                                                                       \
  F(getCursorReferenced)                                                                                               \
  F(getCursorDefinition)                                                                                               \
  F(getCursorLinkage)                                                                                                  \
  F(getCursorTLSKind)                                                                                                  \
  F(getCanonicalCursor)                                                                                                \
  F(isCursorDefinition)                                                                                                \
  F(Cursor_isNull)                                                                                                     \
  F(Cursor_isFunctionInlined)                                                                                          \
  F(Cursor_getStorageClass)                                                                                            \
  F(Cursor_getNumArguments)                                                                                            \
  F(Cursor_getArgument)                                                                                                \
  F(Cursor_getMangling)                                                                                                \
  F(Cursor_getVarDeclInitializer)                                                                                      \
  F(Cursor_hasVarDeclGlobalStorage)                                                                                    \
  F(Cursor_Evaluate)                                                                                                   \
  F(EvalResult_getKind)                                                                                                \
  F(EvalResult_getAsLongLong)                                                                                          \
  F(EvalResult_getAsUnsigned)                                                                                          \
  F(EvalResult_isUnsignedInt)                                                                                          \
  F(EvalResult_getAsDouble)                                                                                            \
  F(EvalResult_dispose)                                                                                                \
  F(getCursorBinaryOperatorKind)                                                                                       \
  F(getCursorUnaryOperatorKind)                                                                                        \
  F(getCanonicalType)                                                                                                  \
  F(getTypeSpelling)                                                                                                   \
  F(getPointeeType)                                                                                                    \
  F(getArrayElementType)                                                                                               \
  F(getArraySize)                                                                                                      \
  F(getResultType)                                                                                                     \
  F(getTypeDeclaration)                                                                                                \
  F(getEnumDeclIntegerType)                                                                                            \
  F(isFunctionTypeVariadic)                                                                                            \
  F(Type_getSizeOf)                                                                                                    \
  F(Type_getAlignOf)                                                                                                   \
  F(isConstQualifiedType)                                                                                              \
  F(isRestrictQualifiedType)                                                                                           \
  F(isVolatileQualifiedType)                                                                                           \
  F(Cursor_getOffsetOfField)                                                                                           \
  F(Cursor_isBitField)                                                                                                 \
  F(getInclusions)

struct clang_api {
#define F(name) __typeof__(&clang_##name) name;
  CLANG_FUNCTIONS(F)
#undef F
};
/* Loads the newest of libclang 22 … 17. NULL when there is none. The table is never unloaded. */
const struct clang_api *clang_api_load(void);
#endif
