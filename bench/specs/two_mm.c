/* D = A B C */
void two_mm(int NI, int NJ, int NK, int NL, const float A[NI][NK], const float B[NK][NJ], const float C[NJ][NL], float D[NI][NL]) {
  float tmp[NI][NJ];
  for (int i = 0; i < NI; i++)
    for (int j = 0; j < NJ; j++) {
      tmp[i][j] = 0;
      for (int k = 0; k < NK; k++) tmp[i][j] += A[i][k] * B[k][j];
    }
  for (int i = 0; i < NI; i++)
    for (int j = 0; j < NL; j++) {
      D[i][j] = 0;
      for (int k = 0; k < NJ; k++) D[i][j] += tmp[i][k] * C[k][j];
    }
}
