/* Stands in for libedgetpu.so.1: a TensorFlow Lite delegate that runs the operator "edgetpu-custom-op".

   Its network finds red squares: for each cell of a square grid over the picture, (1, side, side, 3) uint8 RGB, it says
   how red the middle is. FAKE_EDGETPU in the environment makes it fail, each way once. The structures are those of
   TensorFlow Lite's public interface (tensorflow/lite/core/c/common.h, "semi-ABI stable"), as far as they are needed. */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int Status;
enum { OK = 0, ERROR = 1 };

typedef struct { int size; int data[]; } IntArray;
typedef struct Delegate Delegate;
typedef struct Context Context;

typedef struct {
  int type;
  void *data;
  IntArray *dims;
  struct { float scale; int32_t zero_point; } params;
  int allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  Delegate *delegate;
  int buffer_handle;
  bool data_is_stale, is_variable;
  struct { int type; void *params; } quantization;
  void *sparsity;
  const IntArray *dims_signature;
} Tensor;

typedef struct {
  IntArray *inputs, *outputs, *intermediates, *temporaries;
  void *user_data, *builtin_data;
  const void *custom_initial_data;
  int custom_initial_data_size;
  Delegate *delegate;
  bool might_have_side_effect;
} Node;

typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*release)(Context *, void *);
  Status (*prepare)(Context *, Node *);
  Status (*invoke)(Context *, Node *);
  const char *(*profiling_string)(const Context *, const Node *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *operator_, *async_kernel;
  uint64_t inplace_operator;
} Registration;

struct Context {
  size_t tensors_size;
  Status (*GetExecutionPlan)(Context *, IntArray **);
  Tensor *tensors;
  void *impl;
  void *ResizeTensor;
  void (*ReportError)(Context *, const char *, ...);
  void *AddTensors;
  Status (*GetNodeAndRegistration)(Context *, int, Node **, Registration **);
  Status (*ReplaceNodeSubsetsWithDelegateKernels)(Context *, Registration, const IntArray *, Delegate *);
};

struct Delegate {
  void *data;
  Status (*Prepare)(Context *, Delegate *);
  void *CopyFromBufferHandle, *CopyToBufferHandle, *FreeBufferHandle;
  int64_t flags;
  void *opaque_delegate_builder;
};

static bool told(const char *what) {
  const char *said = getenv("FAKE_EDGETPU");
  return said && strcmp(said, what) == 0;
}

static void *init(Context *context, const char *buffer, size_t length) { return NULL; }
static void release(Context *context, void *data) {}

static Status prepare(Context *context, Node *node) {
  if (!told("prepare")) return OK;
  context->ReportError(context, "the executable does not fit this device");
  return ERROR;
}

static Status invoke(Context *context, Node *node) {
  if (told("hang")) for (;;) sleep(1);
  if (told("abort")) abort();
  if (told("unplugged")) {
    context->ReportError(context, "USB transfer error 5 [LibUsbDataOut]");
    return ERROR;
  }
  const Tensor *picture = &context->tensors[node->inputs->data[0]];
  Tensor *boxes = &context->tensors[node->outputs->data[0]], *classes = &context->tensors[node->outputs->data[1]];
  int side = picture->dims->data[1], cells = classes->dims->data[1], across = (int)lround(sqrt(cells));
  const uint8_t *pixels = picture->data;
  uint8_t *scores = classes->data;
  /* Every box is its anchor. */
  memset(boxes->data, boxes->params.zero_point, boxes->bytes);
  for (int cell = 0; cell < cells; cell++) {
    int row = side * (2 * (cell / across) + 1) / (2 * across), column = side * (2 * (cell % across) + 1) / (2 * across);
    const uint8_t *pixel = pixels + 3 * (row * side + column);
    scores[2 * cell] = 0;
    scores[2 * cell + 1] = pixel[0] > pixel[2] ? pixel[0] - pixel[2] : 0;
  }
  return OK;
}

static Status claim(Context *context, Delegate *delegate) {
  if (told("refuse")) {
    context->ReportError(context, "the model was compiled for a newer runtime");
    return ERROR;
  }
  IntArray *plan;
  if (context->GetExecutionPlan(context, &plan) != OK) return ERROR;
  IntArray *ours = malloc(sizeof(IntArray) + plan->size * sizeof(int));
  ours->size = 0;
  for (int at = 0; at < plan->size && !told("idle"); at++) {
    Node *node;
    Registration *known;
    if (context->GetNodeAndRegistration(context, plan->data[at], &node, &known) != OK) return ERROR;
    if (known->custom_name && strcmp(known->custom_name, "edgetpu-custom-op") == 0)
      ours->data[ours->size++] = plan->data[at];
  }
  Registration kernel = {init, release, prepare, invoke, NULL, 0, "FakeEdgeTpu", 1};
  Status done = ours->size ? context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, ours, delegate) : OK;
  free(ours);
  return done;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
  for (size_t at = 0; at < count; at++) {
    if (strcmp(keys[at], "device") != 0) {
      report("Unknown option");
      return NULL;
    }
    /* One device, on USB. */
    if (strcmp(values[at], "usb") != 0 && strcmp(values[at], "usb:0") != 0) return NULL;
  }
  if (told("none")) return NULL;
  if (told("busy")) {
    report("Failed to open device: in use by another process");
    return NULL;
  }
  Delegate *made = calloc(1, sizeof(Delegate));
  made->Prepare = claim;
  /* "Allows dynamic tensors": else the interpreter prepares the graph first, and does not know the operator yet. */
  made->flags = 1;
  return made;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
