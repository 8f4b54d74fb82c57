# The master boot record of a machine that starts by BIOS: it loads what its table says and jumps into Linux. There is no menu, no file
# system and no configuration: who made the disk knows where the kernel lies, has set what a boot loader sets in its header, and has
# filled in the table. boot-sector.ts holds the assembled bytes.
#
#   as --32 boot-sector.S -o boot-sector.o && ld -m elf_i386 -Ttext 0x7c00 --oformat binary boot-sector.o -o boot-sector.bin
#
# Linux, Documentation/arch/x86/boot.rst ("The Linux/x86 Boot Protocol"); BIOS Enhanced Disk Drive Specification, int 13h function 42h.

	.code16
	.globl _start

	.set	buffer, 0x20000			# one read; below it the kernel's real-mode part is put at 0x10000
	.set	chunk, 127			# sectors of a read, the most that every BIOS takes
	.set	kernel_segment, 0x1000

_start:	ljmp	$0, $1f
1:	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %ss
	movw	$_start, %sp
	sti
	cld
	movb	%dl, drive
	movw	$0x2401, %ax			# the 21st address line on; where that fails it is on
	int	$0x15
	movw	$table, %bx

entry:	movl	4(%bx), %eax			# count of sectors; a zero ends the table
	testl	%eax, %eax
	jz	run
	movl	(%bx), %ecx
	movl	%ecx, lba
	movl	8(%bx), %edi

next:	movl	4(%bx), %eax
	testl	%eax, %eax
	jz	2f
	cmpl	$chunk, %eax
	jbe	1f
	movl	$chunk, %eax
1:	movw	%ax, count
	subl	%eax, 4(%bx)
	pushl	%edi
	movw	$packet, %si
	movb	$0x42, %ah
	movb	drive, %dl
	int	$0x13
	popl	%edi
	jc	failed
	movzwl	count, %ecx
	addl	%ecx, lba
	shll	$7, %ecx			# in words of four bytes
	call	copy
	jmp	next
2:	addw	$12, %bx
	jmp	entry

# Copies ecx words from the buffer to edi, anywhere below 4 GiB: for the moment of the copy, segments without a limit.
copy:	cli
	pushw	%ds
	pushw	%es
	lgdt	descriptors
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	movw	$8, %dx
	movw	%dx, %ds
	movw	%dx, %es
	andb	$0xfe, %al
	movl	%eax, %cr0
	xorw	%dx, %dx
	movw	%dx, %ds
	movw	%dx, %es
	movl	$buffer, %esi
	addr32 rep movsl
	popw	%es
	popw	%ds
	sti
	ret

run:	cli
	movw	$kernel_segment, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	movw	$0xe000, %sp
	ljmp	$(kernel_segment + 0x20), $0

failed:	movw	$text, %si
1:	lodsb
	testb	%al, %al
	jz	2f
	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	jmp	1b
2:	hlt
	jmp	2b

text:	.asciz	"The disk cannot be read\r\n"
drive:	.byte	0

	.balign	4
packet:	.byte	16, 0
count:	.word	0
	.word	0, buffer >> 4
lba:	.quad	0

gdt:	.quad	0
	.quad	0x00cf92000000ffff		# 4 GiB from 0, data
descriptors:
	.word	. - gdt - 1
	.long	gdt

	.org	440 - 60
table:	.fill	60, 1, 0			# first sector, count of sectors, address: at most four, and a zero
