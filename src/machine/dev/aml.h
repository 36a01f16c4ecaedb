/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes ACPI's bytecode (ACPI 6.4, chapter 20): just the terms that our DSDT has. What does not fit sets `full`, and
 * nothing more is written.
 */
#ifndef MOAT_MACHINE_DEV_AML_H
#define MOAT_MACHINE_DEV_AML_H

#include <stdbool.h>
#include <stdint.h>

struct aml {
    uint8_t *bytes;
    uint32_t used, room;
    bool full;
};

void aml_byte(struct aml *a, uint8_t byte);
void aml_bytes(struct aml *a, const void *bytes, uint32_t n);
void aml_word(struct aml *a, uint16_t word);
void aml_long(struct aml *a, uint32_t word);

/* A term with a length: begin gives what end wants. */
uint32_t aml_begin_scope(struct aml *a, const char *root_name); /* \NAME */
uint32_t aml_begin_device(struct aml *a, const char *name);
uint32_t aml_begin_package(struct aml *a, uint8_t elements);
void aml_end(struct aml *a, uint32_t begun);

void aml_name(struct aml *a, const char *name); /* Name(NAME, ...): the value follows */
void aml_integer(struct aml *a, uint32_t value);
void aml_string(struct aml *a, const char *text);
void aml_eisa_id(struct aml *a, const char *id); /* "PNP0501" */

/* Name(_CRS, ResourceTemplate() { ... }) */
struct aml_resources {
    uint32_t buffer, size_at, begin;
};
struct aml_resources aml_begin_resources(struct aml *a);
void aml_end_resources(struct aml *a, struct aml_resources r);
void aml_memory(struct aml *a, uint32_t base, uint32_t bytes);
void aml_io(struct aml *a, uint16_t base, uint8_t bytes);
void aml_isa_irq(struct aml *a, uint8_t irq);
void aml_isa_dma(struct aml *a, uint8_t channel); /* of 8 bits */
void aml_interrupt(struct aml *a, uint32_t gsi);  /* level, active high, exclusive */
/* What a bus hands on to those behind it, from `first` to `last`. */
void aml_bus_numbers(struct aml *a, uint16_t first, uint16_t last);
void aml_io_window(struct aml *a, uint16_t first, uint16_t last);
void aml_memory_window(struct aml *a, uint32_t first, uint32_t last);

#endif
