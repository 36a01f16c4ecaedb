// SPDX-License-Identifier: Apache-2.0
grammar Expression;

lines: (expression END)* EOF;
expression: expression op=('*' | '/') expression
    | expression op=('+' | '-') expression
    | NUMBER
    | '(' expression ')'
    ;
NUMBER: [0-9]+;
END: [\r\n]+;
SPACE: [ \t]+ -> skip;
