#include "cpu_harness.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>
int main(void){ 
 struct board *b=board_make(BOARD_32);
 FILE*f=fopen("/tmp/u9b-bench/rom","rb"); static uint8_t rom[65536]; fread(rom,1,65536,f);
 board_write(b,0xf0000,rom,65536);
 b->cpu->rip=0xf004c; b->cpu->segments[SEG_CS].base=0;
 for(int i=0;i<60;i++){ printf("%llx eax %llx ecx %llx fl %x\n",(unsigned long long)b->cpu->rip,(unsigned long long)b->cpu->gpr[0],(unsigned long long)b->cpu->gpr[1],flags_get(&b->cpu->flags)); cpu_run(b->cpu,1);} }
