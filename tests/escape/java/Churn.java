// SPDX-License-Identifier: Apache-2.0
/* Work for the compilers (Raw.java): longer, compiled, than what they compiled before. */
final class Churn {
    static long spin(long n) {
        long a = 1, b = 2, c = 3, d = 4;
        for (long i = 0; i < n; i++) {
            a = (a ^ 0x1234_5678_9abc_def1L) * (i + 0x2345_6789_abcd_ef13L) + d;
            b = (b ^ 0x3456_789a_bcde_f125L) * (a + 0x4567_89ab_cdef_1237L) + c;
            c = (c ^ 0x5678_9abc_def1_2349L) * (b + 0x6789_abcd_ef12_345bL) + a;
            d = (d ^ 0x789a_bcde_f123_456dL) * (c + 0x89ab_cdef_1234_567fL) + b;
            a = (a ^ 0x1234_5678_9abc_de01L) * (d + 0x2345_6789_abcd_ee03L) + d;
            b = (b ^ 0x3456_789a_bcde_f105L) * (a + 0x4567_89ab_cdef_1207L) + c;
            c = (c ^ 0x5678_9abc_def1_2309L) * (b + 0x6789_abcd_ef12_340bL) + a;
            d = (d ^ 0x789a_bcde_f123_450dL) * (c + 0x89ab_cdef_1234_560fL) + b;
        }
        return a + b + c + d;
    }
}
